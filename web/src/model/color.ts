/** A service keeps its colour on every page and after every reload: the colour is a function of its name. */
export const seriesColors = 8;

export function seriesIndex(name: string): number {
  // FNV-1a: short names that differ in one letter land apart.
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    hash ^= name.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  hash ^= hash >>> 15;
  return (hash >>> 0) % seriesColors;
}

export const seriesColor = (name: string): string => `var(--series-${seriesIndex(name)})`;

/** Least severe first: the order in which a histogram stacks. */
export const severityOrder = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const;

export const severityColor = (severity: string): string =>
  `var(--sev-${severity.toLowerCase()}, var(--sev-info))`;
