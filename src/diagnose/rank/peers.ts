import type { SpanRow } from '../incident.ts';

/** Attributes by which a calling span names whom it calls, most telling first. */
const nameKeys = [
  'peer.service',
  'db.name',
  'db.namespace',
  'server.address',
  'net.peer.name',
  'messaging.destination.name',
  'messaging.destination',
  'rpc.service',
] as const;
const addressKeys = ['url.full', 'http.url', 'db.connection_string'] as const;

export type PeerKind = 'database' | 'queue' | 'service' | 'outside';

export interface Peer {
  name: string;
  kind: PeerKind;
}

export const kindOf = ({ kind, attributes }: SpanRow): string =>
  (kind || attributes['span.kind'] || '').toLowerCase();
/** Whoever answers also says at which address: its own. */
export const isServer = (span: SpanRow): boolean => /^(server|consumer)$/.test(kindOf(span));

/** The product that a span asks, by the newer name of the attribute or the older; empty where it asks no database. */
export const databaseSystem = ({ attributes }: Pick<SpanRow, 'attributes'>): string =>
  attributes['db.system.name'] || attributes['db.system'] || '';

/** A span that waits for another, a database of its own process included. */
export const isCall = (span: SpanRow): boolean =>
  /^(client|producer)$/.test(kindOf(span)) || (kindOf(span) === 'internal' && databaseSystem(span) !== '');

/** Host and port that a calling span names; empty without a host. */
export function addressOf({ attributes }: SpanRow): string {
  const url = attributes['url.full'] ?? attributes['http.url'] ?? '';
  const told = /\/\/(?:[^@/]*@)?([^:/?#]+|\[[^\]]*\])(?::(\d+))?/.exec(url);
  const host = attributes['server.address'] || attributes['net.peer.name'] || (told?.[1] ?? '');
  const port = attributes['server.port'] || attributes['net.peer.port'] || (told?.[2] ?? '');
  return host === '' || port === '' || host.endsWith(`:${port}`) ? host : `${host}:${port}`;
}

/** Of the calls to an address that somebody answered, so many must have been answered by the same service. */
const ownerShareMin = 0.9;
/** Names that stand behind a service's name inside a cluster. */
const insideNames = /^(svc|service|local|localdomain|internal|cluster|[\w-]+\.svc)\b/i;

/** Which service answers at which address, learned from the calls that were answered. */
export class Owners {
  readonly #answered = new Map<string, Map<string, number>>();

  answered(call: SpanRow, service: string): void {
    const address = addressOf(call);
    if (address === '' || service === call.service) return;
    const counts = this.#answered.get(address) ?? new Map<string, number>();
    counts.set(service, (counts.get(service) ?? 0) + 1);
    this.#answered.set(address, counts);
  }

  /** Null where nobody or several answered, as behind a proxy that all calls pass. */
  of(address: string): string | null {
    const counts = [...(this.#answered.get(address) ?? [])].sort((a, b) => b[1] - a[1]);
    const total = counts.reduce((sum, [, count]) => sum + count, 0);
    const [service, count] = counts[0] ?? ['', 0];
    return total > 0 && count >= ownerShareMin * total ? service : null;
  }
}

/** Whom a span calls that has no span of its own: a database, a queue, a provider, or a service that keeps silent. */
export function peerOf(span: SpanRow, known: ReadonlySet<string>, owners: Owners): Peer | null {
  if (isServer(span)) return null;
  const { attributes } = span;
  const names = nameKeys.map((key) => bare(attributes[key] ?? '')).filter((name) => name !== '');
  for (const key of addressKeys) {
    const host = /\/\/(?:[^@/]*@)?([^:/?#]+)/.exec(attributes[key] ?? '')?.[1];
    if (host !== undefined) names.push(host);
  }
  const name = names.find((one) => known.has(one)) ?? names[0];
  const system = databaseSystem(span);
  const owner =
    system === '' && !('messaging.system' in attributes) ? ownerOf(span, names, known, owners) : null;
  if (owner !== null) return { name: owner, kind: 'service' };
  if (name === undefined && system === '') {
    // Only its port tells who answers on this very machine.
    const address = addressOf(span);
    return /:\d+$/.test(address) ? { name: address, kind: 'outside' } : null;
  }
  const kind: PeerKind =
    system !== ''
      ? 'database'
      : 'messaging.system' in attributes
        ? 'queue'
        : known.has(name ?? '')
          ? 'service'
          : 'outside';
  return { name: name ?? `${system} of ${span.service}`, kind };
}

/** The service behind an address: who answered there, else whose name the host's name begins with. */
function ownerOf(
  span: SpanRow,
  names: readonly string[],
  known: ReadonlySet<string>,
  owners: Owners,
): string | null {
  const owner = owners.of(addressOf(span));
  if (owner !== null) return owner;
  for (const name of names) {
    const [first = '', rest = ''] = name.split(/\.(.*)/s);
    if (rest !== '' && known.has(first) && insideNames.test(rest)) return first;
  }
  return null;
}

/** An address without port; loopback names nobody. */
function bare(address: string): string {
  const name = address
    .replace(/^\w+:\/\//, '')
    .replace(/:\d+$/, '')
    .trim();
  return /^(localhost|127\.|::1|0\.0\.0\.0)/.test(name) ? '' : name;
}
