import type { Queryable } from '../../ledger/index.ts';
import type { Clock } from '../../lib/index.ts';

/** How an application's messages are read before their templates are looked for. */
export interface PatternSetup {
  /** Key of a JSON message whose text is the message; '' takes the whole. */
  field: string;
  /** Keys of JSON or `key=value` messages whose values are never constant. */
  ignore: string[];
  /** Regular expressions of what is never constant. */
  masks: string[];
}

export const plainSetup: PatternSetup = { field: '', ignore: [], masks: [] };

export interface NamedSetup {
  service: string;
  setup: PatternSetup;
  updatedAt: number;
  updatedBy: string;
}

/** What a masked value is replaced by: a number reads as a value wherever it stands. */
const standIn = '0';

export const masksMax = 20;
export const maskCharsMax = 300;
export const ignoreMax = 50;
export const keyCharsMax = 200;
/** Setups of one tenant. Each makes a mining run of its own. */
export const setupsMax = 500;

/** Time that the masks of one application may take in one window, milliseconds. Two thousand messages need about ten. */
export const masksMsMax = 2_000;

export async function readSetups(ledger: Queryable, tenantId: number): Promise<NamedSetup[]> {
  const rows = await ledger.query<{
    service: string;
    setup: PatternSetup;
    updated_at: Date;
    updated_by: string;
  }>(
    'SELECT service, setup, updated_at, updated_by FROM pattern_setup WHERE tenant_id = $1 ORDER BY service',
    [tenantId],
  );
  return rows.map((row) => ({
    service: row.service,
    setup: row.setup,
    updatedAt: row.updated_at.getTime(),
    updatedBy: row.updated_by,
  }));
}

/** The setup of an application: its own, or that of all. */
export const setupOf = (setups: readonly NamedSetup[], service: string): PatternSetup =>
  (setups.find((each) => each.service === service) ?? setups.find((each) => each.service === ''))?.setup ??
  plainSetup;

/** Reads messages as a setup says. Throws when its masks take longer than `masksMsMax` in all, and names the slowest. */
export function createPreparer(setup: PatternSetup, clock: Clock): (message: string) => string {
  const masks = setup.masks.map((text) => ({ text, regex: new RegExp(text, 'g'), ms: 0 }));
  const pairs = setup.ignore.map(
    (key) => new RegExp(`(?<![\\w.-])(${escaped(key)}[=:]\\s?)("[^"]*"|[^\\s,;]+)`, 'g'),
  );
  let spentMs = 0;
  return (message) => {
    let text = takeField(message, setup);
    for (const pair of pairs) text = text.replace(pair, `$1${standIn}`);
    for (const mask of masks) {
      const startedAt = clock.monotonic();
      text = text.replace(mask.regex, standIn);
      const ms = clock.monotonic() - startedAt;
      mask.ms += ms;
      spentMs += ms;
    }
    if (spentMs > masksMsMax) {
      const slowest = masks.reduce((a, b) => (b.ms > a.ms ? b : a));
      throw new Error(
        `The masks took more than ${masksMsMax} ms; the slowest is ${JSON.stringify(slowest.text)}. Make it shorter or take it out.`,
      );
    }
    return text;
  };
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');

/** The named field of a JSON message; ignored keys become a wildcard. What is no JSON object stays as it is. */
function takeField(message: string, setup: PatternSetup): string {
  if ((setup.field === '' && setup.ignore.length === 0) || !/^\s*\{/.test(message)) return message;
  let value: unknown;
  try {
    value = JSON.parse(message);
  } catch {
    return message;
  }
  if (typeof value !== 'object' || value === null) return message;
  const fields = new Map<string, unknown>(Object.entries(value));
  const taken = setup.field === '' ? undefined : fields.get(setup.field);
  if (typeof taken === 'string') return taken;
  if (!setup.ignore.some((key) => fields.has(key))) return message;
  for (const key of setup.ignore) if (fields.has(key)) fields.set(key, standIn);
  return JSON.stringify(Object.fromEntries(fields));
}
