import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, it } from 'vitest';
import { loadPlaybooks } from '../../src/remedy/playbook.ts';
import { fillBraces, writeCatalog, writeIndexProgram } from './catalog.ts';

const dir = mkdtempSync(join(tmpdir(), 'shop-catalog-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('catalogue of the demo', () => {
  it('is one that Clew loads, with every address filled in', () => {
    const values = {
      control: 'http://127.0.0.1:1',
      admin: 'http://127.0.0.1:2',
      provider: '127.0.0.1:3',
      create_index: '/x',
    };
    const playbooks = loadPlaybooks([writeCatalog(dir, values)]);
    expect([...playbooks.keys()]).toContain('shop.release.back');
    expect(JSON.stringify([...playbooks.values()])).not.toContain('{{');
  });

  it('refuses a name that nobody fills in', () => {
    expect(() => fillBraces('a {{nothing}}', {})).toThrow('{{nothing}}');
  });

  it('has a program that creates the missing index and nothing else', () => {
    const file = join(dir, "it's inventory.db");
    const database = new DatabaseSync(file);
    database.exec(
      'CREATE TABLE stock_movement (id INTEGER PRIMARY KEY, sku TEXT, location TEXT, delta INTEGER)',
    );
    database.close();
    const program = writeIndexProgram(dir, file);
    const run = () => execFileSync(program, { encoding: 'utf8' });
    expect(run()).toMatch(/stock_movement_by_sku created/);
    expect(run()).toMatch(/stock_movement_by_sku exists/);
  });
});
