import { createInterface } from 'node:readline';
import { ClewError } from '../lib/index.ts';
import { type BatchTemplate, PatternBatch } from '../pattern/index.ts';

export const patternsUsage = `  clew patterns [--json] < messages                  the templates of log messages, one message a line
                                                     (--json: one {"template_id","template"} per message, in order)`;

export interface PatternsOptions {
  input: NodeJS.ReadableStream;
  write: (text: string) => void;
  /** Colours, for a person at a terminal. */
  color: boolean;
}

/** Characters of output that are handed over at once. */
const writeChars = 65_536;

/** `clew patterns …`; answers the exit code. */
export async function patterns(
  words: readonly string[],
  flags: Readonly<Record<string, string>>,
  options: PatternsOptions,
): Promise<number> {
  const [word] = words;
  if (word === 'help') {
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
  for await (const line of createInterface({ input: options.input, crlfDelay: Infinity })) batch.add(line);
  const { templates, ofMessages } = batch.mine();
  if (flags.json === undefined) {
    options.write(table(templates, options.color));
    return 0;
  }
  const lines = templates.map(({ id, template }) => `${JSON.stringify({ template_id: id, template })}\n`);
  let text = '';
  for (const index of ofMessages) {
    text += lines[index] ?? '';
    if (text.length >= writeChars) {
      options.write(text);
      text = '';
    }
  }
  options.write(text);
  return 0;
}

/** Count, share and template of each; what varies stands out. */
function table(templates: readonly BatchTemplate[], color: boolean): string {
  const total = templates.reduce((sum, { count }) => sum + count, 0);
  const marked = (text: string) => (color ? text.replaceAll('<*>', '\u001b[36m<*>\u001b[0m') : text);
  const dim = (text: string) => (color ? `\u001b[2m${text}\u001b[0m` : text);
  const rows = templates.map(
    ({ id, template, count, example }) =>
      `${String(count).padStart(9)}  ${((100 * count) / total).toFixed(1).padStart(5)} %  ${id}  ${marked(template)}\n` +
      `${' '.repeat(21)}${dim(`e.g. ${example}`)}\n`,
  );
  return `${rows.join('')}${templates.length} templates of ${total} messages\n`;
}
