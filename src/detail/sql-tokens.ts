import { ClewError } from '../lib/index.ts';

const refuse = (message: string): ClewError => new ClewError('bad_request', message);

/** Words that would leave the fence of a plain SELECT. They may still be written in quotes, as a name. */
const refusedWords = new Map([
  ['settings', 'Settings are fixed'],
  ['into', 'Results are answered, not written to a file'],
  ['outfile', 'Results are answered, not written to a file'],
  ['infile', 'Files are not read'],
]);
const systemDatabases = new Set([
  'system',
  'information_schema',
  'clew_internal',
  '_temporary_and_external_tables',
]);

const tokenPattern =
  /(?<space>\s+)|(?<comment>--[^\n]*|\/\*[\s\S]*?\*\/)|(?<string>'(?:[^'\\]|\\[\s\S]|'')*')|(?<quoted>"(?:[^"\\]|\\[\s\S]|"")*"|`(?:[^`\\]|\\[\s\S]|``)*`)|(?<number>\d[\w.]*)|(?<word>[A-Za-z_]\w*)|(?<sign>[-+*/%=<>!,.()[\]{}?:|&^~@])/y;

interface Token {
  kind: 'string' | 'quoted' | 'number' | 'word' | 'sign';
  text: string;
}

function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < sql.length) {
    const at = tokenPattern.lastIndex;
    const groups = tokenPattern.exec(sql)?.groups;
    if (groups === undefined) {
      const found = sql.codePointAt(at) ?? 0;
      throw refuse(
        `Character ${at + 1} of sql (${JSON.stringify(String.fromCodePoint(found))}) is not allowed outside quotes. Send one SELECT without a semicolon.`,
      );
    }
    for (const kind of ['string', 'quoted', 'number', 'word', 'sign'] as const) {
      const text = groups[kind];
      if (text !== undefined) tokens.push({ kind, text });
    }
    // A comment becomes a space: what the engine sees is exactly what was checked.
    if (groups.space !== undefined || groups.comment !== undefined) tokens.push({ kind: 'sign', text: ' ' });
  }
  return tokens;
}

const nameOf = (token: Token | undefined): string | undefined =>
  token?.kind === 'word' ? token.text : token?.kind === 'quoted' ? token.text.slice(1, -1) : undefined;

/**
 * Reads a statement as the engine would and refuses what no SELECT of a user needs. Answers the statement without
 * comments, so that nothing can hide in what one of the two lexers skips.
 */
export function checkTokens(sql: string): string {
  const trimmed = sql.replace(/[\s;]+$/, '');
  const tokens = tokenize(trimmed);
  const words = tokens.filter((token) => token.text !== ' ');
  const first = words.find((token) => token.text !== '(')?.text.toLowerCase();
  if (first !== 'select' && first !== 'with') {
    throw refuse('The field sql must hold one statement that starts with SELECT or WITH.');
  }
  for (const [at, token] of words.entries()) {
    const next = words[at + 1]?.text;
    const word = token.kind === 'word' ? token.text.toLowerCase() : '';
    const reason = refusedWords.get(word);
    if (reason !== undefined) throw refuse(`${reason}: ${token.text} is not allowed.`);
    if (word === 'format' && next !== '(') throw refuse('The answer is JSON: FORMAT is not allowed.');
    if (next === '.' && systemDatabases.has(nameOf(token)?.toLowerCase() ?? '')) {
      throw refuse(`Tables of ${token.text} can't be read.`);
    }
  }
  return tokens.map((token) => token.text).join('');
}
