import { LineCounter, parseAllDocuments } from 'yaml';
import type { z } from 'zod';
import { ClewError } from '../../lib/index.ts';
import { jsonBreak } from './json-break.ts';

/** A file as the readers see it: text and the name that messages say, relative to what was configured. */
export interface SourceFile {
  path: string;
  text: string;
}

/** What is wrong with a file, where in it (a line, or the path of a field), in words for who keeps it. */
export const problem = (file: string, where: string, what: string): ClewError =>
  new ClewError('unprocessable', `${file}${where === '' ? '' : `: ${where}`}: ${what}`, {
    details: { file, where, what },
  });

const lineOf = (text: string, offset: number): string => {
  const before = text.slice(0, offset).split('\n');
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
};

/** Parses JSON; a broken file is told with the line and column of the break. */
export function readJson(file: SourceFile): unknown {
  const text = file.text.charCodeAt(0) === 0xfeff ? file.text.slice(1) : file.text;
  try {
    return JSON.parse(text);
  } catch {
    const at = jsonBreak(text);
    throw problem(
      file.path,
      lineOf(text, at ?? text.length),
      at === null ? 'the file ends in the middle of its JSON.' : 'this is no JSON.',
    );
  }
}

/** Most documents of one YAML file. */
const documentsMax = 2_000;
/** Alias nodes that may be expanded; a file of a few lines can otherwise grow to gigabytes. */
const aliasesMax = 100;

export interface YamlDocument {
  value: unknown;
  /** Line of a path in the document, or of its beginning; 1 is the first of the file. */
  line(path: readonly PropertyKey[]): number;
}

/** Parses all documents of a YAML file. Unknown tags (`!vault`, `!Ref`) are left out as null, never followed. */
export function readYaml(file: SourceFile, version: '1.1' | '1.2' = '1.2'): YamlDocument[] {
  const counter = new LineCounter();
  const documents = parseAllDocuments(file.text, {
    version,
    lineCounter: counter,
    logLevel: 'silent',
    customTags: [
      { tag: '!vault', resolve: () => null },
      { tag: '!unsafe', resolve: (text: string) => text },
    ],
  });
  if (documents.length > documentsMax)
    throw problem(file.path, '', `holds ${documents.length} documents; the limit is ${documentsMax}.`);
  return [...documents].map((document) => {
    const [error] = document.errors;
    if (error !== undefined) {
      const { line = 1, col = 1 } = error.linePos?.[0] ?? {};
      throw problem(
        file.path,
        `line ${line}, column ${col}`,
        `${error.message.split('\n')[0]?.replace(/ at line .*$/, '')}.`,
      );
    }
    return {
      value: plainValue(file, () => document.toJS({ maxAliasCount: aliasesMax })),
      line: (path) => {
        for (let length = path.length; length >= 0; length--) {
          const node = document.getIn(path.slice(0, length), true) as { range?: [number] } | undefined;
          if (node?.range) return counter.linePos(node.range[0]).line;
        }
        return counter.linePos(document.range?.[0] ?? 0).line;
      },
    };
  });
}

function plainValue(file: SourceFile, parse: () => unknown): unknown {
  try {
    return parse();
  } catch {
    throw problem(file.path, '', `its aliases refer to each other, or more than ${aliasesMax} times.`);
  }
}

/** `resources[0].instances[1].attributes`, as people write it. */
export const pathText = (path: readonly PropertyKey[]): string =>
  path
    .map((part, index) =>
      typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`,
    )
    .join('');

/** A value that has the shape asked for; otherwise the first field that has not is named. */
export function checked<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  file: string,
  options: { within?: readonly PropertyKey[]; line?: YamlDocument['line'] } = {},
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = [...(options.within ?? []), ...(issue?.path ?? [])];
  const line = options.line === undefined ? '' : `line ${options.line(issue?.path ?? [])}`;
  const where = [line, pathText(path)].filter((part) => part !== '').join(', ');
  throw problem(file, where, issue?.message ?? 'is not what is expected here');
}
