/**
 * A service keeps its colour on every page and after every reload. The colour its name hashes to, or the next free one
 * when another service has it; what was given out is remembered by the browser. Past ten services colours repeat.
 */
export const seriesColors = 10;

const given = new Map<string, number>();
let remember: (text: string) => void = () => {};

function hashOf(name: string): number {
  // FNV-1a: short names that differ in one letter land apart.
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    hash ^= name.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  hash ^= hash >>> 15;
  return (hash >>> 0) % seriesColors;
}

/** Colours that were given out before (`name=index` per line), and where to write what is given out from now on. */
export function keepColors(known: string | null, write: (text: string) => void): void {
  given.clear();
  for (const line of (known ?? '').split('\n')) {
    const [name, index] = line.split('=');
    const number = Number(index);
    if (name && Number.isInteger(number) && number >= 0 && number < seriesColors) given.set(name, number);
  }
  remember = write;
}

export function seriesIndex(name: string): number {
  const known = given.get(name);
  if (known !== undefined) return known;
  const taken = new Set(given.values());
  let index = hashOf(name);
  for (let step = 0; step < seriesColors && taken.has(index); step++) index = (index + 1) % seriesColors;
  given.set(name, index);
  remember([...given].map(([each, at]) => `${each}=${at}`).join('\n'));
  return index;
}

export const seriesColor = (name: string): string => `var(--series-${seriesIndex(name)})`;

/** Least severe first: the order in which a histogram stacks. */
export const severityOrder = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const;

export const severityColor = (severity: string): string =>
  `var(--sev-${severity.toLowerCase()}, var(--sev-info))`;
