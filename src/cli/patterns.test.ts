import { describe, expect, it } from 'vitest';
import { LineSpool } from './line-spool.ts';
import { patterns, readLines } from './patterns.ts';

async function run(
  input: string | Buffer,
  flags: Record<string, string> = {},
  words: string[] = [],
  chunk = 7,
) {
  const bytes = Buffer.from(input);
  let out = '';
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
  }
  const code = await patterns(words, flags, {
    input: chunks(),
    write: (text) => {
      out += typeof text === 'string' ? text : Buffer.from(text).toString('utf8');
    },
    color: flags.color === 'yes',
  });
  return { code, out };
}

const jsonLines = (out: string) =>
  out
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { template_id: string; template: string });

describe('clew patterns', () => {
  it.each([1, 3, 1_000])('answers each line in its order, whatever the chunks (%d bytes)', async (chunk) => {
    const { out, code } = await run('job 1 done\r\n\ndisk full\njob 22 done', { json: 'true' }, [], chunk);
    const lines = jsonLines(out);
    expect(code).toBe(0);
    expect(lines.map(({ template }) => template)).toEqual(['job <*> done', '', 'disk full', 'job <*> done']);
    expect(lines[0]?.template_id).toBe(lines[3]?.template_id);
    expect(new Set(lines.map(({ template_id: id }) => id)).size).toBe(3);
  });

  it('answers nothing for no messages, and broken UTF-8 like other text', async () => {
    expect((await run('', { json: 'true' })).out).toBe('');
    const { out } = await run(Buffer.from([0x61, 0xff, 0xfe, 0x20, 0x31, 0x0a]), { json: 'true' });
    expect(jsonLines(out)[0]?.template).toMatch(/<\*>$/);
  });

  it('shows a table of counts, shares and examples to people, without colours where there is no terminal', async () => {
    const { out } = await run('job 1 done\njob 2 done\ndisk full\n');
    expect(out).toMatch(/^ +2 {3}66\.7 % {2}[0-9a-f]{16} {2}job <\*> done\n +e\.g\. job [12] done\n/);
    expect(out).toMatch(/2 templates of 3 messages\n$/);
    expect(out).not.toContain('\u001b');
  });

  it.each([
    [['file.log'], {}, /"file\.log" is not known; messages come on standard input/],
    [[], { tree: 'true' }, /There is no flag --tree/],
  ])('refuses %j %j', async (words, flags, message) => {
    await expect(run('', flags, words)).rejects.toThrow(message);
  });

  it('says how it is used', async () => {
    expect((await run('', {}, ['help'])).out).toContain('clew patterns [--json] < messages');
  });

  it('looks at the beginning of an endless line and goes on behind it', async () => {
    const lengths: number[] = [];
    async function* input() {
      for (let n = 0; n < 40; n++) yield Buffer.alloc(10_000, 'x');
      yield Buffer.from('\nnext\n');
    }
    await readLines(input(), (_, start, end) => void lengths.push(end - start));
    expect(lengths).toEqual([65_536, 4]);
  });
});

describe('the spool', () => {
  it('gives numbers and texts back in order, from memory and from files', () => {
    const spool = new LineSpool({ pieceNumbers: 4, piecesInMemory: 1, textBytes: 10 });
    const numbers = Array.from({ length: 23 }, (_, n) => (n % 5 === 0 ? -1 : n));
    for (const number of numbers) {
      if (number < 0) spool.pushText(Buffer.from(`text é ${number}`));
      else spool.push(number);
    }
    const back: number[] = [];
    for (const piece of spool.pieces()) back.push(...piece);
    expect(back).toEqual(numbers);
    expect([...spool.texts()]).toEqual(
      numbers.filter((number) => number < 0).map((number) => `text é ${number}`),
    );
    spool.close();
  });
});
