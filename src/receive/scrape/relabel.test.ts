import { describe, expect, it } from 'vitest';
import { readRelabelRules, relabel } from './relabel.ts';
import { YamlField } from './yaml-field.ts';

function run(rules: object[], labels: Record<string, string>): Record<string, string> | 'dropped' {
  const read = readRelabelRules(YamlField.parse('rules.yml', JSON.stringify(rules)));
  const map = new Map(Object.entries(labels));
  return relabel(map, read) ? Object.fromEntries(map) : 'dropped';
}

describe('relabelling does what Prometheus does', () => {
  it.each<[string, object[], Record<string, string>, Record<string, string> | 'dropped']>([
    [
      'replace joins sources',
      [{ source_labels: ['a', 'b'], target_label: 'c' }],
      { a: '1', b: '2' },
      { a: '1', b: '2', c: '1;2' },
    ],
    [
      'replace with groups',
      [{ source_labels: ['a'], regex: '(.*):(\\d+)', target_label: 'host', replacement: '\u0024{1}-$2' }],
      { a: 'h:9' },
      { a: 'h:9', host: 'h-9' },
    ],
    [
      'replace with a named group',
      [{ source_labels: ['a'], regex: '(?P<host>[^:]+):.*', target_label: 'h', replacement: '$host' }],
      { a: 'x:1' },
      { a: 'x:1', h: 'x' },
    ],
    [
      'a group name is as long as it can be',
      [{ source_labels: ['a'], regex: '(.)', target_label: 'b', replacement: '$1x' }],
      { a: 'v' },
      { a: 'v' },
    ],
    [
      '$$ is a dollar',
      [{ source_labels: ['a'], target_label: 'b', replacement: '$$1' }],
      { a: 'v' },
      { a: 'v', b: '$1' },
    ],
    [
      'replace is anchored',
      [{ source_labels: ['a'], regex: 'x', target_label: 'b', replacement: 'y' }],
      { a: 'xx' },
      { a: 'xx' },
    ],
    ['an empty result removes', [{ source_labels: ['z'], target_label: 'a' }], { a: '1' }, {}],
    [
      'the target may use groups',
      [{ source_labels: ['a'], regex: '(.*)', target_label: '\u0024{1}_x', replacement: 'v' }],
      { a: 'k' },
      { a: 'k', k_x: 'v' },
    ],
    [
      'another separator',
      [{ source_labels: ['a', 'b'], separator: '-', target_label: 'c' }],
      { a: '1', b: '2' },
      { a: '1', b: '2', c: '1-2' },
    ],
    ['keep', [{ action: 'keep', source_labels: ['a'], regex: 'x|y' }], { a: 'y' }, { a: 'y' }],
    ['keep drops others', [{ action: 'keep', source_labels: ['a'], regex: 'x|y' }], { a: 'z' }, 'dropped'],
    ['drop', [{ action: 'drop', source_labels: ['a'], regex: 'x.*' }], { a: 'xyz' }, 'dropped'],
    [
      'a missing label is empty',
      [{ action: 'drop', source_labels: ['b'], regex: '' }],
      { a: 'x' },
      'dropped',
    ],
    [
      'keepequal',
      [{ action: 'keepequal', source_labels: ['a'], target_label: 'b' }],
      { a: '1', b: '2' },
      'dropped',
    ],
    [
      'dropequal',
      [{ action: 'dropequal', source_labels: ['a'], target_label: 'b' }],
      { a: '1', b: '1' },
      'dropped',
    ],
    [
      'labelmap',
      [{ action: 'labelmap', regex: '__meta_(.+)' }],
      { __meta_zone: 'eu', a: '1' },
      { __meta_zone: 'eu', a: '1', zone: 'eu' },
    ],
    ['labeldrop', [{ action: 'labeldrop', regex: 'tmp_.*' }], { tmp_a: '1', b: '2' }, { b: '2' }],
    ['labelkeep', [{ action: 'labelkeep', regex: '__name__|b' }], { a: '1', b: '2' }, { b: '2' }],
    [
      'lowercase',
      [{ action: 'lowercase', source_labels: ['a'], target_label: 'a' }],
      { a: 'AbC' },
      { a: 'abc' },
    ],
    [
      'uppercase',
      [{ action: 'Uppercase', source_labels: ['a'], target_label: 'b' }],
      { a: 'AbC' },
      { a: 'AbC', b: 'ABC' },
    ],
    // The numbers are those of Prometheus' own tests of hashmod.
    [
      'hashmod',
      [{ action: 'hashmod', source_labels: ['c'], target_label: 'd', separator: ';', modulus: 1000 }],
      { c: 'baz' },
      { c: 'baz', d: '976' },
    ],
    [
      'hashmod of bytes that a newline ends',
      [{ action: 'hashmod', source_labels: ['c'], target_label: 'd', modulus: 1000 }],
      { c: 'foo\nbar' },
      { c: 'foo\nbar', d: '734' },
    ],
    [
      'inline flags and classes of RE2',
      [{ action: 'keep', source_labels: ['a'], regex: '(?i)[[:alpha:]]+' }],
      { a: 'AbC' },
      { a: 'AbC' },
    ],
    [
      'rules go on from what came before',
      [
        { source_labels: ['a'], target_label: 'b' },
        { action: 'drop', source_labels: ['b'], regex: '1' },
      ],
      { a: '1' },
      'dropped',
    ],
  ])('%s', (_what, rules, labels, expected) => {
    expect(run(rules, labels)).toEqual(expected);
  });
});

it.each<[object, string]>([
  [
    { action: 'rename' },
    'rules.yml:1: [0].action: "rename" is not an action; there are replace, keep, drop, keepequal, dropequal, hashmod, labelmap, labeldrop, labelkeep, lowercase, uppercase',
  ],
  [{ source_labels: ['a'] }, 'rules.yml:1: [0]: the action replace needs target_label'],
  [
    { action: 'hashmod', target_label: 'a', source_labels: ['b'] },
    'rules.yml:1: [0]: the action hashmod needs a modulus above 0',
  ],
  [
    { action: 'labeldrop', regex: 'a', source_labels: ['b'] },
    'rules.yml:1: [0].source_labels: does not go with the action labeldrop',
  ],
  [
    { action: 'keepequal', source_labels: ['a'], target_label: 'b', regex: 'x' },
    'rules.yml:1: [0].regex: does not go with the action keepequal',
  ],
  [
    { action: 'drop', source_labels: ['a'], regex: '(' },
    'rules.yml:1: [0].regex: "(" is not a regular expression: Invalid regular expression: /^(?:()$/s: Unterminated group',
  ],
  [
    { action: 'drop', source_labels: ['a'], regex: '(?!x)' },
    'rules.yml:1: [0].regex: lookaround and back references are not part of RE2',
  ],
  [
    { target_label: 'a', replacment: 'x' },
    'rules.yml:1: [0].replacment: is not a known key; there are action, modulus, regex, replacement, separator, source_labels, target_label',
  ],
])('refuses the rule %j', (rule, message) => {
  expect(() => run([rule], {})).toThrow(message);
});
