import type { LogRecord, Pair, RefinedRecord, Refiner } from '../../receive/index.ts';
import { pipelineDropped, pipelineFaults, pipelineRecords } from '../events.ts';
import type { PipelineConfig } from './schema.ts';
import { makeStage, type Stage, type StageContext } from './stages.ts';
import { Work } from './work.ts';

/** Whose records these are. */
export interface Stream {
  tenant: string;
  source: string;
  service: string;
  resource: readonly Pair[];
}

/** What a stage made of a record, for the test bench. */
export interface StageTrace {
  stage: number;
  name: string;
  fault: string | null;
  work: Work;
}

interface Multiline {
  first: RegExp;
  linesMax: number;
  separator: string;
}

/** An event of many lines may take no more than this; the next line begins another one. */
const eventCharsMax = 1_048_576;
const lineHeadCharsMax = 16_384;
const faultCharsMax = 300;

/** A pipeline ready to run: selection, stages, counters. */
export class Pipeline {
  readonly config: PipelineConfig;
  private readonly stages: readonly Stage[];
  private readonly multiline: Multiline | null;
  private readonly serviceMatches: RegExp | null;
  private readonly labelMatches: readonly [string, RegExp][];

  constructor(config: PipelineConfig, context: StageContext) {
    this.config = config;
    const [first] = config.stages;
    const lines = first?.multiline;
    this.multiline =
      lines === undefined
        ? null
        : { first: new RegExp(lines.first), linesMax: lines.lines_max, separator: lines.separator };
    this.stages = config.stages.flatMap((stage) => makeStage(stage, context) ?? []);
    const { service_matches: serviceMatches, labels_match: labelsMatch } = config.match;
    this.serviceMatches = serviceMatches === undefined ? null : new RegExp(serviceMatches);
    this.labelMatches = Object.entries(labelsMatch).map(([name, source]) => [name, new RegExp(source)]);
  }

  matches({ tenant, source, service, resource }: Stream): boolean {
    const { config } = this;
    const { match } = config;
    if (!config.enabled || (config.tenant !== undefined && config.tenant !== tenant)) return false;
    if (match.source !== undefined && match.source !== source) return false;
    if (match.service !== undefined && match.service !== service) return false;
    if (this.serviceMatches !== null && !this.serviceMatches.test(service)) return false;
    const label = (name: string): string => resource.find(([key]) => key === name)?.[1] ?? '';
    return (
      Object.entries(match.labels).every(([name, value]) => label(name) === value) &&
      this.labelMatches.every(([name, regex]) => regex.test(label(name)))
    );
  }

  refiner(stream: Stream): Refiner {
    const key = JSON.stringify([stream.tenant, stream.source, stream.service, stream.resource]);
    return new PipelineRefiner(this, stream, key);
  }

  /** What stands before the stages: `whole` is called for each event, with the number of its lines. */
  joiner(whole: (record: LogRecord, lines: number) => void): Joiner {
    return new Joiner(this.multiline, whole);
  }

  /** Runs all stages; null when the record was dropped. `trace` is told of each stage. */
  run(
    record: LogRecord,
    stream: Stream,
    key: string,
    trace?: (step: StageTrace) => void,
  ): RefinedRecord | null {
    const { name } = this.config;
    const work = new Work(record, stream.service, stream.resource);
    pipelineRecords.inc({ pipeline: name });
    const offset = this.multiline === null ? 0 : 1;
    for (const [index, stage] of this.stages.entries()) {
      const number = index + offset + 1;
      const fault = stage.run(work, key);
      if (fault !== null) {
        pipelineFaults.inc({ pipeline: name, stage: `${number} ${stage.name}` });
        work.faults.push(`stage ${number} (${stage.name}): ${fault}`);
      }
      trace?.({ stage: number, name: stage.name, fault, work });
      if (work.dropped !== '') {
        pipelineDropped.inc({ pipeline: name, reason: work.dropped });
        return null;
      }
    }
    if (work.faults.length > 0)
      work.fields.set('clew.pipeline_error', `${name}: ${work.faults.join('; ')}`.slice(0, faultCharsMax));
    return work.result();
  }
}

/** Joins the lines of one event; without a rule for that, each line is one. */
class Joiner {
  private readonly multiline: Multiline | null;
  private readonly whole: (record: LogRecord, lines: number) => void;
  private held: { record: LogRecord; lines: string[]; chars: number } | null = null;

  constructor(multiline: Multiline | null, whole: (record: LogRecord, lines: number) => void) {
    this.multiline = multiline;
    this.whole = whole;
  }

  take(record: LogRecord): void {
    const { multiline, held } = this;
    if (multiline === null) {
      this.whole(record, 1);
      return;
    }
    const line = typeof record.body === 'string' ? record.body : new TextDecoder().decode(record.body);
    const goesOn =
      held !== null &&
      held.lines.length < multiline.linesMax &&
      held.chars + line.length <= eventCharsMax &&
      !multiline.first.test(line.slice(0, lineHeadCharsMax));
    if (goesOn) {
      held.lines.push(line);
      held.chars += line.length;
      return;
    }
    this.end();
    this.held = { record, lines: [line], chars: line.length };
  }

  end(): void {
    const { held, multiline } = this;
    this.held = null;
    if (held !== null && multiline !== null)
      this.whole({ ...held.record, body: held.lines.join(multiline.separator) }, held.lines.length);
  }
}

class PipelineRefiner implements Refiner {
  private readonly joiner: Joiner;
  private out: (record: RefinedRecord) => void = () => undefined;

  constructor(pipeline: Pipeline, stream: Stream, key: string) {
    this.joiner = pipeline.joiner((record) => {
      const refined = pipeline.run(record, stream, key);
      if (refined !== null) this.out(refined);
    });
  }

  take(record: LogRecord, out: (record: RefinedRecord) => void): void {
    this.out = out;
    this.joiner.take(record);
  }

  end(out: (record: RefinedRecord) => void): void {
    this.out = out;
    this.joiner.end();
  }
}
