import { ClewError } from '../../lib/index.ts';

/** Longest question, characters. */
export const cypherCharsMax = 10_000;
/** Most edges that one pattern of variable length may pass; more than any chain of calls has. */
const hopsMax = 20;

type Kind = 'word' | 'quoted' | 'string' | 'number' | 'sign';
interface Token {
  kind: Kind;
  text: string;
  at: number;
}

export interface CheckedCypher {
  /** The question without comments, one token apart from the next. */
  text: string;
  columns: string[];
}

const tokenPattern =
  /\s+|\/\*[\s\S]*?\*\/|\/\/[^\n]*|(?<string>'(?:[^'\\]|\\(?:["'\\/bfnrt]|u[0-9a-fA-F]{4}))*'|"(?:[^"\\]|\\(?:["'\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(?<quoted>`[^`]+`)|(?<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?<word>[A-Za-z_]\w*)|(?<sign>\.\.|<>|<=|>=|=~|->|<-|[()[\]{},.:;|+\-*/%^=<>])/y;

/** What changes something, or reaches out of the graph. */
const refused = new Set(
  'CREATE MERGE SET DELETE DETACH REMOVE CALL LOAD DROP FOREACH YIELD EXPLAIN PROFILE'.split(' '),
);
const first = new Set(['MATCH', 'OPTIONAL', 'UNWIND', 'WITH', 'RETURN']);
/** Words that may stand before a bracket without being a function. */
const keywords = new Set(
  'MATCH OPTIONAL WHERE AND OR NOT XOR IN RETURN WITH UNWIND AS THEN ELSE WHEN CASE BY ON DISTINCT ALL UNION CONTAINS STARTS ENDS IS'.split(
    ' ',
  ),
);
/**
 * Functions that may be called: those of openCypher that only compute. Whatever else stands before a bracket could be a
 * function of the database, and those are nobody's to call. `range` is left out: it makes lists of any length.
 */
const functions = new Set(
  (
    'count sum avg min max collect stdev stdevp percentilecont percentiledisc ' +
    'id label labels type properties keys nodes relationships length size head last startnode endnode start_id end_id exists ' +
    'coalesce tolower toupper trim ltrim rtrim substring left right replace split reverse tostring tointeger tofloat toboolean ' +
    'abs ceil floor round sign sqrt log log10 exp isempty'
  ).split(' '),
);

const wrong = (message: string): ClewError => new ClewError('unprocessable', `query: ${message}`);

/**
 * Reads a question and refuses what is not a plain read of the graph: clauses that write, procedures, functions of the
 * database, patterns without an end, parameters. The engine reads only, too; this is the first of two gates, and it
 * says why. Answers with the question written anew from what was understood, so that both read the same.
 */
export function checkCypher(given: string): CheckedCypher {
  if (given.length > cypherCharsMax)
    throw wrong(`has ${given.length} characters; the limit is ${cypherCharsMax}.`);
  const tokens = tokensOf(given);
  const [head] = tokens;
  if (head === undefined)
    throw wrong('is empty; ask for example MATCH (a)-[c:CALLS]->(b) RETURN a.name, b.name, c.rps');
  for (const [index, token] of tokens.entries()) checkToken(tokens, index, token);
  if (head.kind !== 'word' || !first.has(head.text.toUpperCase()))
    throw wrong(
      `begins with ${head.text}; a question begins with MATCH, OPTIONAL MATCH, UNWIND, WITH or RETURN.`,
    );
  checkBrackets(tokens);
  return { text: tokens.map((token) => token.text).join(' '), columns: columnsOf(tokens, given) };
}

function tokensOf(given: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < given.length; ) {
    tokenPattern.lastIndex = at;
    const match = tokenPattern.exec(given);
    if (match === null) {
      const sign = given[at] ?? '';
      if (sign === '$') throw wrong('parameters ($name) are not known here; write the value.');
      throw wrong(
        `at character ${at + 1}: ${/['"`]/.test(sign) ? 'a quote stays open, or holds an unknown escape' : `"${sign}" is no part of Cypher`}.`,
      );
    }
    const found = Object.entries(match.groups ?? {}).find(([, text]) => text !== undefined);
    if (found) tokens.push({ kind: found[0] as Kind, text: found[1] ?? '', at });
    at = tokenPattern.lastIndex;
  }
  return tokens;
}

function checkToken(tokens: readonly Token[], index: number, token: Token): void {
  const before = tokens[index - 1]?.text;
  const next = tokens[index + 1]?.text;
  if (token.text === ';') throw wrong('holds a semicolon; ask one question at a time, without it.');
  if (token.kind === 'quoted' && next === '(')
    throw wrong(`${token.text}( calls a function of the database; it may not be called.`);
  if (token.text === '*' && (before === '[' || isPatternStar(tokens, index))) {
    checkLength(tokens, index);
    if (insideExists(tokens, index))
      throw wrong('exists() holds a pattern of variable length, which ends some servers; MATCH it instead.');
  }
  if (token.kind !== 'word') return;
  const upper = token.text.toUpperCase();
  // A property may be called like a clause: `c.set` reads one.
  if (before !== '.' && refused.has(upper))
    throw wrong(`${upper} changes the graph or reaches out of it; only reading is allowed.`);
  if (next !== '(') return;
  if (before === '.')
    throw wrong(
      `${tokens[index - 2]?.text ?? ''}.${token.text}( calls a function of the database; it may not be called.`,
    );
  if (!keywords.has(upper) && !functions.has(token.text.toLowerCase()))
    throw wrong(
      `${token.text}( is no function that may be called; there are ${[...functions].slice(0, 12).join(', ')}, …`,
    );
}

/** `[c:CALLS*1..3]` or `[*]`, not `a * b`: from the star back to an opened bracket stand only names, colons and bars. */
function isPatternStar(tokens: readonly Token[], index: number): boolean {
  for (let at = index - 1; at >= 0; at--) {
    const { text, kind } = tokens[at] ?? { text: '', kind: 'sign' };
    if (text === '[')
      return /^[-<]/.test(tokens[at - 1]?.text ?? '') || (tokens[at - 1]?.text ?? '').endsWith('-');
    if (kind !== 'word' && kind !== 'quoted' && text !== ':' && text !== '|') return false;
  }
  return false;
}

/** AGE 1.5 crashes on `WHERE exists((n)-[*1..3]-())`, and the whole PostgreSQL server restarts for it. */
function insideExists(tokens: readonly Token[], index: number): boolean {
  let closed = 0;
  for (let at = index - 1; at > 0; at--) {
    const { text, kind } = tokens[at] ?? { text: '', kind: 'sign' };
    if (kind !== 'sign') continue;
    if (/^[)\]}]$/.test(text)) closed++;
    if (!/^[([{]$/.test(text)) continue;
    if (closed > 0) closed--;
    else if (tokens[at - 1]?.text.toLowerCase() === 'exists') return true;
  }
  return false;
}

/** A pattern of variable length must end: all ways through a graph of a few hundred calls are more than there are atoms. */
function checkLength(tokens: readonly Token[], index: number): void {
  const rest = tokens.slice(index + 1, index + 5).map((token) => token.text);
  const bounds = rest.slice(0, rest.findIndex((text) => text === ']' || text === '{') >>> 0).join('');
  // `1..3` may be read as the numbers 1. and .3 or as 1, .. and 3; the texts joined are the same.
  const most = /^\d+$/.test(bounds) ? bounds : /^\d*\.\.(\d+)$/.exec(bounds)?.[1];
  if (most === undefined) throw wrong(`*${bounds} has no end; write for example *1..3.`);
  if (Number(most) > hopsMax) throw wrong(`*${bounds} passes up to ${most} edges; the limit is ${hopsMax}.`);
}

const pairs: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' };

/** A bracket that closes more than it opened could end what the question is wrapped in. */
function checkBrackets(tokens: readonly Token[]): void {
  const open: string[] = [];
  for (const { text, kind, at } of tokens) {
    if (kind !== 'sign') continue;
    if (text === '(' || text === '[' || text === '{') open.push(text);
    else if (pairs[text] !== undefined && open.pop() !== pairs[text])
      throw wrong(`at character ${at + 1}: ${text} closes nothing.`);
  }
  if (open.length > 0) throw wrong(`${open.at(-1)} is never closed.`);
}

/** Names of what the last RETURN gives: after AS, or the text itself. The engine must be told how many there are. */
function columnsOf(tokens: readonly Token[], given: string): string[] {
  const depths = depthsOf(tokens);
  const start = tokens.findLastIndex(
    (token, index) =>
      depths[index] === 0 && token.text.toUpperCase() === 'RETURN' && tokens[index - 1]?.text !== '.',
  );
  if (start < 0) throw wrong('has no RETURN; say what to answer.');
  const columns: string[] = [];
  let item: Token[] = [];
  const flush = () => {
    if (item.length === 0) throw wrong('RETURN names nothing before a comma, or at its end.');
    const as = item.findLastIndex((token) => token.kind === 'word' && token.text.toUpperCase() === 'AS');
    const named = as > 0 ? item[as + 1] : undefined;
    const [from, to] = [item[0], item.at(-1)];
    columns.push(
      named?.text.replaceAll('`', '') ?? given.slice(from?.at, (to?.at ?? 0) + (to?.text.length ?? 0)),
    );
    item = [];
  };
  for (let index = start + 1; index < tokens.length; index++) {
    const token = tokens[index];
    if (token === undefined) break;
    const top = depths[index] === 0;
    if (
      top &&
      token.kind === 'word' &&
      /^(ORDER|SKIP|LIMIT|UNION)$/i.test(token.text) &&
      tokens[index - 1]?.text !== '.'
    )
      break;
    if (top && token.text === ',') flush();
    else if (!(item.length === 0 && token.text.toUpperCase() === 'DISTINCT')) item.push(token);
  }
  flush();
  if (columns.some((column) => column === '*'))
    throw wrong('RETURN * does not say how many columns there are; name them.');
  return columns;
}

function depthsOf(tokens: readonly Token[]): number[] {
  let depth = 0;
  return tokens.map(({ text, kind }) => {
    if (kind === 'sign' && /^[)\]}]$/.test(text)) depth--;
    const at = depth;
    if (kind === 'sign' && /^[([{]$/.test(text)) depth++;
    return at;
  });
}
