import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('../catalog/', import.meta.url));
const indexScript = fileURLToPath(new URL('../scripts/create-index.ts', import.meta.url));

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** A program that creates the missing indexes, with everything it needs written into it. */
export function writeIndexProgram(dir: string, databaseFile: string): string {
  const path = join(dir, 'create-index');
  const words = [process.execPath, '--disable-warning=ExperimentalWarning', indexScript, databaseFile];
  writeFileSync(path, `#!/bin/sh\nexec ${words.map(quoted).join(' ')}\n`);
  chmodSync(path, 0o755);
  return path;
}

export function fillBraces(text: string, values: Record<string, string>): string {
  return text.replace(/\{\{([a-z_]+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined)
      throw new Error(`The demo's catalogue names {{${name}}}, which nobody fills in.`);
    return value;
  });
}

/** Copies the demo's catalogue with this run's addresses in it; returns the directory for `catalog.dirs`. */
export function writeCatalog(dir: string, values: Record<string, string>): string {
  const target = join(dir, 'catalog');
  for (const kind of readdirSync(source)) {
    mkdirSync(join(target, kind), { recursive: true });
    for (const name of readdirSync(join(source, kind))) {
      const text = readFileSync(join(source, kind, name), 'utf8');
      writeFileSync(join(target, kind, name), fillBraces(text, values));
    }
  }
  return target;
}

/** Takes the automatic approval away, so that the newcomer presses the button. */
export function askAPerson(catalogDir: string): void {
  const folder = join(catalogDir, 'policies');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'ask-a-person.cedar'), personPolicy);
}

const personPolicy = `@id("demo-asks-a-person")
@reason("the demo was started with --approval person")
forbid (principal in Role::"automatic", action == Action::"approve", resource);
`;
