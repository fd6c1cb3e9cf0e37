/**
 * The house rules as a program: room order, no cycles, drivers only in their rooms, size of files, environment and
 * clocks in one place, every room opening with a paragraph. Function length is Biome's rule (biome.json).
 * Each message names the replacement. `npm run check` runs it.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';

const root = join(import.meta.dirname, '..');

/** From left to right: a room imports only rooms to its left, and through their index.ts. */
const rooms: readonly string[] = (
  'config model lib receive admit detail ledger pattern rollup topology query detect diagnose knowledge cases remedy ' +
  'bus operate serve cli'
).split(' ');

/** `config` reads errors and types from lib; lib and model know nobody. */
const mayUse = (from: string, to: string): boolean => {
  if (from === to) return true;
  if (to === 'model' || to === 'lib') return from !== 'model' && from !== 'lib';
  if (to === 'config') return from !== 'model' && from !== 'lib';
  return rooms.indexOf(to) < rooms.indexOf(from);
};

/** A driver and the rooms that may hold it. */
const drivers: { module: RegExp; rooms: readonly string[]; instead: string }[] = [
  { module: /^chdb(\/|$)|^@clickhouse\//, rooms: ['detail'], instead: 'DetailStore of src/detail' },
  { module: /^pg$|^@electric-sql\//, rooms: ['ledger'], instead: 'Ledger of src/ledger' },
  { module: /^fastify|^@fastify\//, rooms: ['serve', 'receive'], instead: 'a RouteGroup in src/serve' },
  { module: /^pino/, rooms: ['lib'], instead: 'createLogger of src/lib' },
  { module: /^prom-client$/, rooms: ['lib'], instead: 'counter/gauge/histogram of src/lib' },
  { module: /^@cedar-policy\//, rooms: ['remedy'], instead: 'the gatekeeper of src/remedy' },
  {
    module: /^node:child_process$/,
    rooms: ['remedy', 'cli'],
    instead: 'the script.exec adapter of src/remedy',
  },
];

/** What may stand only in the files named; everywhere else it is injected. */
const singlePlaces: { text: RegExp; allowed: readonly string[]; instead: string }[] = [
  { text: /\bprocess\.env\b/, allowed: ['src/cli/main.ts'], instead: 'a key of src/config/schema.ts' },
  {
    text: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/,
    allowed: ['src/lib/clock.ts'],
    instead: 'the injected Clock',
  },
  {
    text: /\bMath\.random\(|\brandomUUID\(|\brandomBytes\(/,
    allowed: ['src/lib/ids.ts'],
    instead: 'newUuid/newTraceId of src/lib or an injected generator',
  },
  // A socket's own idle time is no timer of ours.
  {
    text: /(?<!\bsocket\.)\bsetTimeout\(/,
    allowed: ['src/lib/clock.ts', 'src/cli/main.ts'],
    instead: 'clock.sleep',
  },
];

const fileLinesMax = 500;
/** Longer files, each with its reason. */
const longFiles: Record<string, string> = {};

const problems: string[] = [];
const complain = (file: string, text: string) => problems.push(`${file}: ${text}`);

function sources(folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter(
      (entry) =>
        entry.isFile() &&
        /\.tsx?$/.test(entry.name) &&
        !/node_modules|[/\\]dist[/\\]?/.test(entry.parentPath),
    )
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

const importPattern =
  /(?:^|\n)\s*(?:import|export)\s+(?:type\s+)?(?:[\w*{][^;'"]*?\sfrom\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

/** Comments and strings of prose must not trip the rules. */
const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`])\/\/[^\n]*/g, '$1');

function importsOf(text: string): string[] {
  return [...withoutComments(text).matchAll(importPattern)].map((match) => match[1] ?? match[2] ?? '');
}

const roomOf = (file: string): string | undefined => /^src\/([^/]+)\//.exec(file)?.[1];

function checkImports(file: string, text: string, graph: Map<string, Set<string>>): void {
  const room = roomOf(file);
  for (const target of importsOf(text)) {
    if (!target.startsWith('.')) {
      checkDriver(file, room, target);
      continue;
    }
    const path = normalize(join(dirname(file), target));
    const other = roomOf(path);
    if (room === undefined || other === undefined) continue;
    if (room === other) {
      const edges = graph.get(file) ?? new Set<string>();
      edges.add(path);
      graph.set(file, edges);
      continue;
    }
    const test = /\.test\.ts$/.test(file);
    if (!test && !mayUse(room, other)) {
      complain(
        file,
        `room ${room} must not import room ${other} (${target}); take what it needs as a function type and let src/main.ts inject it.`,
      );
    }
    if (!test && !/\/(index|contract)\.ts$/.test(path)) {
      complain(file, `enter room ${other} through src/${other}/index.ts, not ${target}.`);
    }
  }
}

function checkDriver(file: string, room: string | undefined, target: string): void {
  if (room === undefined || /\.test\.ts$/.test(file)) return;
  const rule = drivers.find((candidate) => candidate.module.test(target));
  if (rule && !rule.rooms.includes(room))
    complain(file, `${target} belongs to ${rule.rooms.join(', ')}; use ${rule.instead}.`);
}

function checkText(file: string, text: string): void {
  const lines = text.split('\n').length;
  if (lines > fileLinesMax && longFiles[file] === undefined) {
    complain(
      file,
      `${lines} lines, the limit is ${fileLinesMax}; split it by concept, or name the reason in tools/tidy.ts.`,
    );
  }
  if (!file.startsWith('src/') || /\.test\.ts$|\/testing\.ts$/.test(file)) return;
  const code = withoutComments(text);
  for (const rule of singlePlaces) {
    if (rule.text.test(code) && !rule.allowed.includes(file))
      complain(file, `${rule.text.source} stands only in ${rule.allowed.join(', ')}; use ${rule.instead}.`);
  }
  if (/@ts-ignore|@ts-nocheck/.test(text)) complain(file, 'type errors are mended, not silenced.');
}

function checkCycles(graph: Map<string, Set<string>>): void {
  const done = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    if (path.includes(file)) {
      complain(
        file,
        `import cycle: ${[...path.slice(path.indexOf(file)), file].join(' → ')}; move the shared piece into a third file.`,
      );
      return;
    }
    if (done.has(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
}

function checkRooms(): void {
  for (const entry of readdirSync(join(root, 'src'), { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    if (!rooms.includes(entry.name))
      complain(
        `src/${entry.name}`,
        'is not a room of the house; see the order in tools/tidy.ts and ARCHITECTURE.md.',
      );
    const index = `src/${entry.name}/index.ts`;
    if (!existsSync(join(root, index))) complain(index, 'is missing; a room is entered through it.');
    else if (
      !/^\/\*\*\n \* \S+ — [\s\S]*Contract:[\s\S]*never happens here:/.test(
        readFileSync(join(root, index), 'utf8'),
      )
    ) {
      complain(
        index,
        'must open with a paragraph: "<room> — what", "Contract:", "What never happens here:".',
      );
    }
  }
}

const graph = new Map<string, Set<string>>();
const files = ['src', 'demo', 'tools', 'test', 'bench', 'web/src'].flatMap(sources);
for (const file of files) {
  const text = readFileSync(join(root, file), 'utf8');
  checkImports(file, text, graph);
  checkText(file, text);
}
checkCycles(graph);
checkRooms();
for (const name of Object.keys(longFiles))
  if (!files.includes(name))
    complain(name, 'is excused in tools/tidy.ts but does not exist; delete the excuse.');

if (problems.length > 0) {
  console.error(problems.join('\n'));
  console.error(`tidy: ${problems.length} problem(s) in ${files.length} files`);
  process.exit(1);
}
console.log(`tidy: ${files.length} files in order`);
