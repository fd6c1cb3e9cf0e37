/** Bytes of tables turned round into bytes of tenants, and cut down to what a bar can show. */

export interface Share {
  name: string;
  label: string;
  bytes: number;
}

interface Table {
  table: string;
  tenants: { tenant: string; bytes: number }[];
}

export interface TenantBytes {
  tenant: string;
  bytes: number;
  tables: Share[];
}

/** Tenants with what they have in each table, largest first; what belongs to no tenant comes last. */
export function sharesByTenant(tables: readonly Table[]): TenantBytes[] {
  const tenants = new Map<string, TenantBytes>();
  for (const { table, tenants: shares } of tables) {
    for (const { tenant, bytes } of shares) {
      const known = tenants.get(tenant) ?? { tenant, bytes: 0, tables: [] };
      known.bytes += bytes;
      known.tables.push({ name: table, label: table, bytes });
      tenants.set(tenant, known);
    }
  }
  return [...tenants.values()].sort(
    (a, b) => Number(a.tenant === '') - Number(b.tenant === '') || b.bytes - a.bytes,
  );
}

/** The shares that have a colour, in the order of the colours, and the others as one. */
export function topShares(shares: readonly Share[], named: readonly string[], rest: string): Share[] {
  const top = named.flatMap((name) => shares.filter((share) => share.name === name));
  const others = shares
    .filter(({ name }) => !named.includes(name))
    .reduce((sum, { bytes }) => sum + bytes, 0);
  return others > 0 ? [...top, { name: '\u0000rest', label: rest, bytes: others }] : top;
}
