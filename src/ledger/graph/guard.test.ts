import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agtypeValue } from './agtype.ts';
import { checkCypher } from './guard.ts';

describe('a question in Cypher', () => {
  it.each([
    ['MATCH (a)-[c:CALLS]->(b) RETURN a.name, b.name AS callee, c.rps', ['a.name', 'callee', 'c.rps']],
    [
      'match (a:Resource {name: "x, (y"}) return distinct a, count(*) as n order by n desc limit 3',
      ['a', 'n'],
    ],
    [
      "MATCH p = (a {name: 'checkout'})-[:CALLS*1..3]->(b) WHERE b.`set` > 1 AND b.create = 2 RETURN p",
      ['p'],
    ],
    [
      'UNWIND [1, 2] AS x WITH x * 2 AS y RETURN [y, {a: y}] AS list, CASE WHEN y > 2 THEN 1 ELSE 0 END',
      ['list', 'CASE WHEN y > 2 THEN 1 ELSE 0 END'],
    ],
    ['MATCH (a) RETURN a.urn UNION MATCH (b) RETURN b.urn', ['b.urn']],
    ['MATCH (a) /* DELETE a */ RETURN a // ; DROP', ['a']],
    ['OPTIONAL MATCH (a)<-[*2]-(b) WHERE NOT exists((a)-[]->(b)) RETURN a', ['a']],
  ])('that only reads is let through, with its columns: %s', (text, columns) => {
    expect(checkCypher(text).columns).toEqual(columns);
  });

  it('is written anew without its comments', () => {
    expect(checkCypher('MATCH (a) /* x */ RETURN a//y\n.name').text).toBe('MATCH ( a ) RETURN a . name');
  });

  it.each([
    ['CREATE (n) RETURN n', 'CREATE changes'],
    ['MATCH (n) SET n.x = 1 RETURN n', 'SET changes'],
    ['MATCH (n) DETACH DELETE n', 'DETACH changes'],
    ['MATCH (n) DELETE n RETURN n', 'DELETE changes'],
    ['MERGE (n:A) RETURN n', 'MERGE changes'],
    ['MATCH (n) REMOVE n.x RETURN n', 'REMOVE changes'],
    ['CALL db.labels() YIELD x RETURN x', 'CALL changes'],
    ['LOAD CSV FROM "file:///etc/passwd" AS l RETURN l', 'LOAD changes'],
    [
      "RETURN pg_catalog.pg_read_file('/etc/passwd')",
      'pg_catalog.pg_read_file( calls a function of the database',
    ],
    ['RETURN pg_catalog . pg_reload_conf ( )', 'calls a function of the database'],
    ['RETURN `pg_catalog`.`pg_reload_conf`()', 'calls a function of the database'],
    ['RETURN pg_sleep(10)', 'pg_sleep( is no function'],
    ["RETURN cypher('ops_2', 'MATCH (n) RETURN n')", 'cypher( is no function'],
    ['UNWIND range(1, 1000000000) AS x RETURN x', 'range( is no function'],
    ['MATCH (a)-[*]->(b) RETURN a', '* has no end'],
    ['MATCH (a)-[c:CALLS|X*2..]->(b) RETURN a', '*2.. has no end'],
    ['MATCH (a)-[*1..50]->(b) RETURN a', 'up to 50 edges'],
    ['MATCH (a) WHERE exists((a)-[*1..3]->()) RETURN a', 'which ends some servers'],
    ['WITH 1 AS x MATCH (a) WHERE NOT EXISTS { (a)-[:CALLS*1..3]-() } RETURN a', 'which ends some servers'],
    ['RETURN 1 $clew$) AS (r agtype); DROP TABLE dim_tenant; --', 'parameters ($name)'],
    ['RETURN 1) AS (r agtype) --', 'closes nothing'],
    ['MATCH (a RETURN a', '( is never closed'],
    ['RETURN $1', 'parameters'],
    ['RETURN 1; RETURN 2', 'semicolon'],
    ['RETURN "open', 'a quote stays open'],
    ["RETURN 'bad \\x escape'", 'a quote stays open, or holds an unknown escape'],
    ['SELECT * FROM dim_tenant', 'begins with SELECT'],
    ['MATCH (a) RETURN *', 'RETURN * does not say'],
    ['MATCH (a)', 'has no RETURN'],
    ['MATCH (a) RETURN a,', 'RETURN names nothing'],
    ['   ', 'is empty'],
    [`RETURN ${'1+'.repeat(6_000)}1`, 'the limit is 10000'],
  ])('that is more than a read, or wrong, is refused in words: %s', (text, message) => {
    expect(() => checkCypher(text)).toThrow(message);
  });

  it('whatever the text: refused in words, or what comes out holds no dollar, semicolon or comment outside quotes', () => {
    const piece = fc.constantFrom(
      'MATCH ',
      '(a)',
      'RETURN ',
      'a',
      "'",
      '"',
      '`',
      '$',
      '$$',
      '$clew$',
      ';',
      '--',
      '/*',
      '*/',
      '//',
      '\\',
      '\n',
      '(',
      ')',
      '.',
      'x(',
      'DELETE ',
      '1',
      '*',
      '..',
      ',',
    );
    const outside = (text: string) => text.replaceAll(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]+`/g, "''");
    const holds = (check: (text: string) => { text: string }) =>
      fc.check(
        fc.property(fc.array(piece, { maxLength: 14 }), (parts) => {
          let text = '';
          try {
            text = check(parts.join('')).text;
          } catch (error) {
            return (error as Error).message.startsWith('query: ');
          }
          return (
            !/[$;]|--|\/\*|\/\//.test(outside(text).replaceAll('- -', '')) &&
            !/\bDELETE\b/i.test(outside(text).replaceAll(/\. DELETE/g, ''))
          );
        }),
        { seed: 20_261_120, numRuns: 3_000 },
      );
    expect(holds(checkCypher).failed).toBe(false);
    // A guard that lets everything through must fail the same property, or it proves nothing.
    expect(holds((text) => ({ text })).failed).toBe(true);
  });
});

it('values of the graph become JSON', () => {
  expect(agtypeValue('{"id": 1, "label": "A", "properties": {"n": "x::vertex", "r": 1.5}}::vertex')).toEqual({
    id: 1,
    label: 'A',
    properties: { n: 'x::vertex', r: 1.5 },
  });
  expect(agtypeValue('[{"id": 1}::vertex, {"id": 2}::edge]::path')).toEqual([{ id: 1 }, { id: 2 }]);
  expect(agtypeValue('NaN')).toBeNull();
  expect(agtypeValue('1.5::numeric')).toBe(1.5);
  expect(agtypeValue(null)).toBeNull();
});
