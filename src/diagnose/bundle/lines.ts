import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { ClewError } from '../../lib/index.ts';

/** Longer lines are no rows of ours; reading on would only fill memory. */
const lineCharsMax = 4_194_304;

export interface Line {
  number: number;
  text: string;
}
export interface LineReader {
  /** As found on disk, `.gz` included; null when there is no such file. */
  file: string | null;
  /** Hands over every line but empty ones. Answers why reading ended early, if it did. */
  each(take: (line: Line) => void): Promise<Broken | null>;
}
export interface Broken {
  /** The last line that was read. */
  line: number;
  error: string;
}

/** Where the files of a bundle are. */
export interface BundleSource {
  open(name: string): LineReader;
}

export const directory = (dir: string): BundleSource => ({ open: (name) => openLines(dir, name) });

/** Files by their names, as text. */
export const texts = (files: Readonly<Record<string, string>>): BundleSource => ({
  open: (name) => {
    const content = files[name];
    return {
      file: content === undefined ? null : name,
      each: async (take) => {
        const lines = (content ?? '').split('\n');
        for (const [i, line] of lines.entries()) {
          const text = line.endsWith('\r') ? line.slice(0, -1) : line;
          if (text.trim() !== '') take({ number: i + 1, text: i === 0 ? text.replace(/^\uFEFF/, '') : text });
        }
        return null;
      },
    };
  },
});

/** A file of a bundle, plain or gzipped; the plain one is read when both are there. */
export function openLines(dir: string, name: string): LineReader {
  const file = [name, `${name}.gz`].find((candidate) => existsSync(join(dir, candidate))) ?? null;
  return {
    file,
    each: async (take) => {
      if (file === null) return null;
      return readLines(join(dir, file), file, take);
    },
  };
}

async function readLines(path: string, file: string, take: (line: Line) => void): Promise<Broken | null> {
  const source = createReadStream(path, { highWaterMark: 262_144 });
  const stream = file.endsWith('.gz') ? source.pipe(createGunzip()) : source;
  // An error of the file itself does not travel through a pipe.
  source.on('error', (error) => stream.destroy(error));
  stream.setEncoding('utf8');
  let rest = '';
  let number = 0;
  const give = (text: string): void => {
    number++;
    const line = text.endsWith('\r') ? text.slice(0, -1) : text;
    if (line.trim() !== '') take({ number, text: number === 1 ? line.replace(/^\uFEFF/, '') : line });
  };
  try {
    for await (const chunk of stream as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) give(line);
      if (rest.length > lineCharsMax)
        throw new ClewError(
          'unprocessable',
          `${file}, line ${number + 1}: longer than ${lineCharsMax} characters.`,
        );
    }
  } catch (error) {
    if (error instanceof ClewError) throw error;
    // Half a gzip file still tells what its first half says.
    if (number > 0) return { line: number, error: error instanceof Error ? error.message : String(error) };
    throw new ClewError(
      'unprocessable',
      `${file}: ${error instanceof Error ? error.message : 'it cannot be read'}.`,
    );
  }
  if (rest !== '') give(rest);
  return null;
}

/** Cells of a CSV line; quotes as in RFC 4180, line breaks inside quotes are not supported. */
export function csvCells(line: string, separator = ','): string[] {
  if (!line.includes('"')) return line.split(separator);
  const cells: string[] = [];
  let cell = '';
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const char = line[i];
    if (quoted) {
      if (char !== '"') cell += char;
      else if (line[i + 1] === '"') {
        cell += '"';
        i++;
      } else quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === separator) {
      cells.push(cell);
      cell = '';
    } else cell += char;
  }
  cells.push(cell);
  return cells;
}
