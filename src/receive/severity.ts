/** Severity words that loggers write, with the numbers of the OpenTelemetry log model. */
const numbers = new Map<string, number>(
  (
    [
      ['trace trc finest verbose', 1],
      ['debug dbg fine', 5],
      ['info inf information informational', 9],
      ['notice', 10],
      ['warn warning wrn', 13],
      ['error err eror', 17],
      ['critical crit', 18],
      ['alert', 19],
      ['fatal ftl panic dpanic emergency emerg', 21],
    ] as const
  ).flatMap(([words, number]) => words.split(' ').map((word): [string, number] => [word, number])),
);

/** The longest word above has 13 letters. */
const wordLengthMax = 16;

/** 0 for a word that is no severity. */
export const severityNumber = (text: string): number =>
  text.length > wordLengthMax ? 0 : (numbers.get(text.toLowerCase()) ?? 0);

/** How far into a line its level is looked for; loggers write it among the first fields. */
const headBytesMax = 512;
const jsonLevel = /(?<!\\)"(?:level|lvl|severity|log\.level|loglevel)"\s*:\s*"([A-Za-z]{3,13})"/i;
const logfmtLevel = /(?:^|[ \t])(?:level|lvl|severity|log\.level)="?([A-Za-z]{3,13})(?=["\s]|$)/i;
const brace = 0x7b;
const equals = 0x3d;

/** The level that a JSON or logfmt line names in its head; '' when it names none. One search, no parsing of the line. */
export function severityInLine(bytes: Uint8Array, start: number, end: number): string {
  const stop = Math.min(end, start + headBytesMax);
  const isJson = bytes[start] === brace;
  if (!isJson && !holdsEquals(bytes, start, stop)) return '';
  const head = Buffer.from(bytes.buffer, bytes.byteOffset + start, stop - start).toString('latin1');
  const word = (isJson ? jsonLevel : logfmtLevel).exec(head)?.[1] ?? '';
  return severityNumber(word) > 0 ? word : '';
}

/** `indexOf` would go on to the end of a buffer that is much longer than the line. */
function holdsEquals(bytes: Uint8Array, start: number, stop: number): boolean {
  for (let at = start; at < stop; at++) if (bytes[at] === equals) return true;
  return false;
}
