/** One thing that happened, as data for scripts and as a sentence for people. */
export interface Progress {
  event: string;
  text: string;
  fields?: Record<string, unknown>;
}

export type Tell = (progress: Progress) => void;

/** NDJSON on standard output, or sentences with the seconds since the start. */
export function createTell(json: boolean, write: (line: string) => void): Tell {
  const started = performance.now();
  return ({ event, text, fields }) => {
    const s = (performance.now() - started) / 1_000;
    if (json) write(JSON.stringify({ event, at_s: Math.round(s * 10) / 10, text, ...fields }));
    else write(`${s.toFixed(0).padStart(5)} s  ${text}`);
  };
}
