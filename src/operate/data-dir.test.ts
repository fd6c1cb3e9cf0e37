import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeDataDir } from './data-dir.ts';

const dir = mkdtempSync(join(tmpdir(), 'clew-data-dir-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('a data directory is made with all above it, and nothing is left of the trial', () => {
  const deep = join(dir, 'a', 'b');
  makeDataDir(deep);
  makeDataDir(deep);
  expect(existsSync(deep)).toBe(true);
  expect(readdirSync(deep)).toEqual([]);
});

test('a data directory where nothing can be written is refused at once, with the setting that names another', () => {
  const file = join(dir, 'file');
  writeFileSync(file, '');
  for (const path of [file, join(file, 'below'), '/proc/clew-nowhere'])
    expect(() => makeDataDir(path)).toThrow(
      new RegExp(
        `^data_dir is ${path}, where Clew can't write \\(.+\\)\\. .+ data_dir, CLEW_DATA_DIR or --data-dir\\.$`,
      ),
    );
});
