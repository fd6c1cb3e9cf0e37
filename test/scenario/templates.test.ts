import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PatternBatch } from '../../src/pattern/index.ts';

// Labelled messages in the layout of Loghub: one folder per system with `content.log` (a message a line) and `truth.csv`
// (`line,event_id,template`). The data may not be handed on, so the test runs where somebody has it.
const folder = process.env.CLEW_TEST_LOGHUB ?? '';
const systems =
  folder === '' ? [] : readdirSync(folder).filter((name) => existsSync(join(folder, name, 'truth.csv')));

const plain = (text: string) => text.replace(/\s+/g, ' ').trim();

function labels(file: string): { id: string; template: string }[] {
  const rows = readFileSync(file, 'utf8').matchAll(/(?:^|\n)([^,\n]*),([^,\n]*),("(?:[^"]|"")*"|[^\n]*)/g);
  return [...rows].slice(1).map(([, , id = '', cell = '']) => {
    const text = cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell;
    return { id, template: plain(text) };
  });
}

function groups<Key>(keys: readonly Key[]): Map<Key, number[]> {
  const found = new Map<Key, number[]>();
  for (const [index, key] of keys.entries()) {
    const group = found.get(key);
    if (group) group.push(index);
    else found.set(key, [index]);
  }
  return found;
}

/** Share of messages in right groups, F1 of right groups, share of messages with the right template. */
function score(system: string) {
  const messages = readFileSync(join(folder, system, 'content.log'), 'utf8')
    .replace(/\n$/, '')
    .split('\n');
  const truth = labels(join(folder, system, 'truth.csv'));
  expect(truth).toHaveLength(messages.length);
  const batch = new PatternBatch();
  const wordings = messages.map((message) => {
    const bytes = Buffer.from(message);
    return batch.add(bytes, 0, bytes.length);
  });
  const { templates, ofWording } = batch.mine();
  const mined = wordings.map((wording) => ofWording[wording] ?? -1);
  const right = groups(truth.map(({ id }) => id));
  const ours = groups(mined);
  const exact = [...ours.values()].filter((group) => {
    const id = truth[group[0] ?? 0]?.id ?? '';
    return right.get(id)?.length === group.length && group.every((index) => truth[index]?.id === id);
  });
  const same = mined.filter((at, index) => plain(templates[at]?.template ?? '') === truth[index]?.template);
  return {
    grouping: exact.reduce((sum, group) => sum + group.length, 0) / messages.length,
    groupsF1: (2 * exact.length) / (ours.size + right.size),
    templates: same.length / messages.length,
  };
}

describe.skipIf(systems.length === 0)('labelled messages (CLEW_TEST_LOGHUB names the folder)', () => {
  it('get right groups and templates on average', () => {
    const scores = systems.map((system) => ({ system, ...score(system) }));
    const average = (key: 'grouping' | 'groupsF1' | 'templates') =>
      scores.reduce((sum, each) => sum + each[key], 0) / scores.length;
    const text = JSON.stringify(scores, null, 1);
    expect(average('grouping'), text).toBeGreaterThanOrEqual(0.95);
    expect(average('groupsF1'), text).toBeGreaterThanOrEqual(0.93);
    expect(average('templates'), text).toBeGreaterThanOrEqual(0.6);
  });
});
