import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  createMasker,
  type Formats,
  loadFormats,
  loadMasking,
  Pipeline,
  parsePipelines,
  type StageTrace,
} from '../admit/index.ts';
import type { Config } from '../config/index.ts';
import { ClewError, type Clock } from '../lib/index.ts';
import type { LogRecord, RefinedRecord } from '../receive/index.ts';

export const pipelineUsage = `  clew pipeline test FILE [--name NAME] [--json] < lines
                                                     what each stage of a pipeline does to each line
  clew pipeline formats [--json]                     the formats that lines can be read as
  clew mask test [--json] < lines                    what masking hides`;

export interface PipelineCommand {
  rest: readonly string[];
  flags: Readonly<Record<string, string>>;
  config: Config;
  clock: Clock;
  input: NodeJS.ReadableStream;
  write: (text: string) => void;
}

const productCatalog = join(import.meta.dirname, '..', '..', 'catalog');
const catalogDirs = (config: Config): string[] => [productCatalog, ...config.catalog.dirs];
/** Lines read for a test, and characters of a value shown in the table. */
const linesMax = 100_000;
const shownCharsMax = 160;

/** `clew pipeline …`; answers the exit code: 1 when a stage could not do its part. */
export async function pipelineCommand(command: PipelineCommand): Promise<number> {
  const formats = await loadFormats(catalogDirs(command.config));
  const [action, file] = command.rest;
  if (action === 'formats') {
    listFormats(formats, command);
    return 0;
  }
  if (action === 'test' && file !== undefined) return testPipeline(file, formats, command);
  throw new ClewError('bad_request', `Give "test FILE" or "formats".\n\n${pipelineUsage}`);
}

function listFormats(formats: Formats, { flags, write }: PipelineCommand): void {
  for (const { name, kind, about } of formats.list)
    write(
      flags.json
        ? `${JSON.stringify({ name, kind, about })}\n`
        : `${name.padEnd(16)} ${kind.padEnd(15)} ${about}\n`,
    );
}

async function testPipeline(file: string, formats: Formats, command: PipelineCommand): Promise<number> {
  const { flags, clock, write } = command;
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new ClewError('bad_request', `${file} can't be read: ${error.message}`);
  });
  const configs = parsePipelines({ source: file, text }, formats.names, clock);
  const config = flags.name === undefined ? configs[0] : configs.find(({ name }) => name === flags.name);
  if (config === undefined)
    throw new ClewError(
      'bad_request',
      `${file} has no pipeline "${flags.name ?? ''}"; it has ${configs.map(({ name }) => name).join(', ')}.`,
    );
  const pipeline = new Pipeline(config, { clock, formats });
  const stream = {
    tenant: config.tenant ?? 'default',
    source: config.match.source ?? '',
    service: config.match.service ?? 'test',
    resource: [],
  };
  let faults = 0;
  let done = 0;
  const show = (record: LogRecord, lines: number): void => {
    const steps: Step[] = [];
    let before = stateOf(record);
    const out = pipeline.run(record, stream, 'test', (trace) => {
      const after = stateOf(trace.work.result());
      steps.push(stepOf(trace, before, after));
      before = after;
      if (trace.fault !== null) faults += 1;
    });
    const line = {
      line: done + 1,
      lines,
      body: String(record.body),
      stages: steps,
      result: out === null ? null : stateOf(out),
    };
    done += lines;
    write(flags.json ? `${JSON.stringify(line)}\n` : humanLine(line));
  };
  const joined = pipeline.joiner(show);
  for await (const body of linesOf(command.input))
    joined.take({ timeNs: 0n, severity: '', traceId: '', spanId: '', body, attributes: [] });
  joined.end();
  return faults === 0 ? 0 : 1;
}

interface Step {
  stage: number;
  name: string;
  fault: string | null;
  dropped: string | null;
  /** Field, and what it is after the stage; null when it is gone. */
  changed: Record<string, string | null>;
}

/** A record as fields with names, to be compared. */
function stateOf(record: LogRecord | RefinedRecord): Record<string, string> {
  const state: Record<string, string> = { body: String(record.body) };
  if (record.timeNs > 0n) {
    const ms = Number(record.timeNs / 1_000_000n);
    state.time = new Date(ms).toISOString().replace(
      'Z',
      `${String(record.timeNs % 1_000_000n)
        .padStart(6, '0')
        .replace(/0+$/, '')}Z`,
    );
  }
  for (const [name, value] of [
    ['severity', record.severity],
    ['trace_id', record.traceId],
    ['span_id', record.spanId],
  ] as const)
    if (value !== '') state[name] = value;
  if ('resource' in record && record.resource !== null)
    for (const [name, value] of record.resource.attributes) state[`resource.${name}`] = value;
  for (const [name, value] of record.attributes) state[name] = value;
  return state;
}

function stepOf(trace: StageTrace, before: Record<string, string>, after: Record<string, string>): Step {
  const changed: Record<string, string | null> = {};
  for (const [name, value] of Object.entries(after)) if (before[name] !== value) changed[name] = value;
  for (const name of Object.keys(before)) if (after[name] === undefined) changed[name] = null;
  const dropped = trace.work.dropped === '' ? null : trace.work.dropped;
  return { stage: trace.stage, name: trace.name, fault: trace.fault, dropped, changed };
}

interface TestedLine {
  line: number;
  lines: number;
  body: string;
  stages: readonly Step[];
  result: Record<string, string> | null;
}

const short = (text: string): string => {
  const flat = text.replaceAll('\n', '⏎');
  return flat.length > shownCharsMax ? `${flat.slice(0, shownCharsMax)}…` : flat;
};

function humanLine({ line, lines, body, stages }: TestedLine): string {
  const at = lines === 1 ? `line ${line}` : `lines ${line}–${line + lines - 1}`;
  const rows = [`${at}: ${short(body)}`];
  for (const { stage, name, fault, dropped, changed } of stages) {
    const head = `  ${String(stage).padStart(2)} ${name.padEnd(9)}`;
    if (fault !== null) rows.push(`${head} ! ${fault}`);
    if (dropped !== null) rows.push(`${head} dropped: ${dropped}`);
    const entries = Object.entries(changed);
    if (fault === null && dropped === null && entries.length === 0) rows.push(`${head} (nothing changed)`);
    for (const [field, value] of entries)
      rows.push(value === null ? `${head} - ${field}` : `${head} ${field} = ${short(value)}`);
  }
  return `${rows.join('\n')}\n`;
}

async function* linesOf(input: NodeJS.ReadableStream): AsyncGenerator<string> {
  let count = 0;
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    count += 1;
    if (count > linesMax) throw new ClewError('bad_request', `More than ${linesMax} lines; test with fewer.`);
    yield line;
  }
}

/** `clew mask test`: each line as it would be stored. */
export async function maskCommand({
  rest,
  flags,
  config,
  clock,
  input,
  write,
}: PipelineCommand): Promise<number> {
  if (rest[0] !== 'test') throw new ClewError('bad_request', `Give "test".\n\n${pipelineUsage}`);
  const masker = createMasker(await loadMasking(catalogDirs(config), clock), config.masking);
  for await (const line of linesOf(input)) {
    const result = masker === null ? line : masker.mask(line, config.tenant);
    write(flags.json ? `${JSON.stringify({ line, result, masked: result !== line })}\n` : `${result}\n`);
  }
  return 0;
}
