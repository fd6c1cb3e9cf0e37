import { ClewError } from '../lib/index.ts';
import { type BatchTemplate, type MinedBatch, PatternBatch } from '../pattern/index.ts';
import { LineSpool } from './line-spool.ts';

export const patternsUsage = `  clew patterns [--json] < messages                  the templates of log messages, one message a line
                                                     (--json: one {"template_id","template"} per message, in order)`;

export interface PatternsOptions {
  /** Bytes of UTF-8. */
  input: AsyncIterable<Uint8Array | string>;
  write: (text: string | Uint8Array) => void;
  /** Colours, for a person at a terminal. */
  color: boolean;
}

/** Bytes of a line that are looked at. */
const lineBytesMax = 65_536;
/** Bytes of output that are handed over at once. */
const writeBytes = 262_144;
const lineFeed = 10;
const carriageReturn = 13;

/** `clew patterns …`; answers the exit code. */
export async function patterns(
  words: readonly string[],
  flags: Readonly<Record<string, string>>,
  options: PatternsOptions,
): Promise<number> {
  const [word] = words;
  if (word === 'help' || flags.help !== undefined) {
    options.write(`${patternsUsage}\n`);
    return 0;
  }
  if (word !== undefined)
    throw new ClewError(
      'bad_request',
      `"${word}" is not known; messages come on standard input.\n\n${patternsUsage}`,
    );
  for (const name of Object.keys(flags))
    if (name !== 'json')
      throw new ClewError('bad_request', `There is no flag --${name}.\n\n${patternsUsage}`);
  const batch = new PatternBatch();
  const spool = new LineSpool();
  try {
    await readLines(options.input, (bytes, start, end) => {
      const wording = batch.add(bytes, start, end);
      if (wording >= 0) spool.push(wording);
      else spool.pushText(bytes.subarray(start, Math.min(end, start + lineBytesMax)));
    });
    const mined = batch.mine();
    if (flags.json !== undefined) writeEach(mined, spool, options.write);
    else {
      for (const text of spool.texts()) mined.match(text);
      options.write(table(mined.templates, options.color));
    }
  } finally {
    spool.close();
  }
  return 0;
}

/** Calls `take` with every line, without its end; a last line may lack it. */
export async function readLines(
  input: AsyncIterable<Uint8Array | string>,
  take: (bytes: Buffer, start: number, end: number) => void,
): Promise<void> {
  let rest = Buffer.alloc(0);
  for await (const chunk of input) {
    const more =
      typeof chunk === 'string'
        ? Buffer.from(chunk)
        : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let at = 0;
    let end = more.indexOf(lineFeed);
    if (end >= 0 && rest.length > 0) {
      rest = Buffer.concat([rest, more.subarray(0, end)]);
      take(rest, 0, lineEnd(rest, 0, rest.length));
      rest = Buffer.alloc(0);
      at = end + 1;
      end = more.indexOf(lineFeed, at);
    }
    while (end >= 0) {
      take(more, at, lineEnd(more, at, end));
      at = end + 1;
      end = more.indexOf(lineFeed, at);
    }
    // What is beyond the bound would not be looked at, so it is not kept either.
    const room = lineBytesMax - rest.length;
    if (at < more.length && room > 0) rest = Buffer.concat([rest, more.subarray(at, at + room)]);
  }
  if (rest.length > 0) take(rest, 0, lineEnd(rest, 0, rest.length));
}

const lineEnd = (bytes: Buffer, start: number, end: number): number =>
  end > start && bytes[end - 1] === carriageReturn ? end - 1 : end;

function writeEach(mined: MinedBatch, spool: LineSpool, write: PatternsOptions['write']): void {
  const texts = spool.texts();
  const lines: Buffer[] = [];
  const lineOf = (index: number): Buffer => {
    const known = lines[index];
    if (known) return known;
    const found = mined.templates[index];
    const made = Buffer.from(`${JSON.stringify({ template_id: found?.id, template: found?.template })}\n`);
    lines[index] = made;
    return made;
  };
  let block = Buffer.allocUnsafe(writeBytes);
  let filled = 0;
  for (const piece of spool.pieces())
    for (const wording of piece) {
      const index =
        wording >= 0 ? (mined.ofWording[wording] as number) : mined.match(texts.next().value ?? '');
      const line = lineOf(index);
      if (filled + line.length > block.length) {
        write(block.subarray(0, filled));
        block = Buffer.allocUnsafe(Math.max(writeBytes, line.length));
        filled = 0;
      }
      filled += line.copy(block, filled);
    }
  if (filled > 0) write(block.subarray(0, filled));
}

/** Count, share and template of each; what varies stands out. */
function table(templates: readonly BatchTemplate[], color: boolean): string {
  const total = templates.reduce((sum, { count }) => sum + count, 0);
  const marked = (text: string) => (color ? text.replaceAll('<*>', '\u001b[36m<*>\u001b[0m') : text);
  const dim = (text: string) => (color ? `\u001b[2m${text}\u001b[0m` : text);
  const rows = templates
    .toSorted((a, b) => b.count - a.count)
    .map(({ id, template, count, example }) => {
      const share = ((100 * count) / total).toFixed(1).padStart(5);
      return `${String(count).padStart(9)}  ${share} %  ${id}  ${marked(template)}\n${' '.repeat(21)}${dim(`e.g. ${example}`)}\n`;
    });
  return `${rows.join('')}${templates.length} templates of ${total} messages\n`;
}
