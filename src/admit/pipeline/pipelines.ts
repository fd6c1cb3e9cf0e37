import { ClewError, type Clock, type Logger, sha256Hex } from '../../lib/index.ts';
import type { Masker, Pair, Refiner, Refinery } from '../../receive/index.ts';
import { readCatalogFolder } from '../catalog-file.ts';
import { pipelineReloads } from '../events.ts';
import { Formats, loadFormats } from './formats.ts';
import { Pipeline } from './pipeline.ts';
import { type PipelineConfig, parsePipelines } from './schema.ts';
import { readShared, writeShared } from './shared.ts';
import { deleteStored, listStored, type PipelineStore, putStored, type StoredPipeline } from './stored.ts';

export interface PipelinesOptions {
  /** The product's own catalogue first; `<dir>/pipelines/*.yaml` and `<dir>/formats/*.yaml` are read. */
  catalogDirs: readonly string[];
  masker: Masker | null;
  clock: Clock;
  log: Logger;
  /** Where those of the API are left for a process that has no store. */
  sharedFile?: string;
}

/** How often files and the store are looked at for changes. */
const watchMs = 2_000;

export interface PipelineView {
  name: string;
  tenant: string | null;
  about: string;
  enabled: boolean;
  /** Path of the file, or `api`. */
  from: string;
  /** The YAML as it was given; of a file only its path is told. */
  text: string | null;
}

const fromApi = 'api';

/**
 * All pipelines, of files and of the API, and the masker: what stands between receivers and columns. A change takes effect
 * within two seconds and at a request's beginning; files that are wrong leave what was there before.
 */
export class Pipelines implements Refinery {
  readonly masker: Masker | null;
  private readonly options: PipelinesOptions;
  private readonly stopping = new AbortController();
  private formats = new Formats([]);
  private ofFiles: readonly Pipeline[] = [];
  private ofStore: readonly Pipeline[] = [];
  private texts = new Map<string, string>();
  private filesSeen = '';
  private storeSeen = '';
  private store: PipelineStore | null = null;
  private shared: string | null = null;
  private watching: Promise<void> = Promise.resolve();

  constructor(options: PipelinesOptions) {
    this.options = options;
    this.masker = options.masker;
  }

  get active(): boolean {
    return this.ofFiles.length > 0 || this.ofStore.length > 0;
  }

  refiner(tenant: string, source: string, service: string, resource: readonly Pair[]): Refiner | null {
    const stream = { tenant, source, service, resource };
    // What was given by the API stands before files, and hides a file's pipeline of the same name.
    for (const pipeline of this.ofStore) if (pipeline.matches(stream)) return pipeline.refiner(stream);
    for (const pipeline of this.ofFiles) {
      if (this.hidden(pipeline, tenant) || !pipeline.matches(stream)) continue;
      return pipeline.refiner(stream);
    }
    return null;
  }

  /** Reads the files. Throws when one is wrong: at the start nothing is there to fall back to. */
  async loadFiles(): Promise<void> {
    const { catalogDirs, clock } = this.options;
    const files = await readCatalogFolder(catalogDirs, 'pipelines');
    const formatFiles = await readCatalogFolder(catalogDirs, 'formats');
    const seen = sha256Hex(JSON.stringify([files, formatFiles]));
    if (seen === this.filesSeen) return;
    this.filesSeen = seen;
    const formats = await loadFormats(catalogDirs);
    const configs = files.flatMap((file) => parsePipelines(file, formats.names, clock));
    const twice = configs.find(
      (config, index) => configs.findIndex(({ name }) => name === config.name) !== index,
    );
    if (twice !== undefined)
      throw new ClewError(
        'unprocessable',
        `${twice.file}: there are two pipelines of the name "${twice.name}"`,
      );
    this.formats = formats;
    this.ofFiles = configs.map((config) => new Pipeline(config, { clock, formats }));
    pipelineReloads.inc({ result: 'done' });
  }

  /** Reads what the API was given, and watches both from now on. */
  async start(store: PipelineStore): Promise<void> {
    this.store = store;
    await this.loadStored();
    this.watching = this.watch();
  }

  /** Instead of `start` where there is no store: reads and watches what the process that has it left in the shared file. */
  async follow(): Promise<void> {
    await this.loadStored();
    this.watching = this.watch();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.watching;
  }

  list(tenant: string): PipelineView[] {
    return [...this.ofStore, ...this.ofFiles]
      .filter((pipeline) => !this.hidden(pipeline, tenant) && (pipeline.config.tenant ?? tenant) === tenant)
      .map(({ config }) => ({
        name: config.name,
        tenant: config.tenant ?? null,
        about: config.about,
        enabled: config.enabled,
        from: config.file,
        text: config.file === fromApi ? (this.texts.get(keyOf(tenant, config.name)) ?? null) : null,
      }));
  }

  /** Checks and stores a pipeline; it is in effect when this resolves. Throws what is wrong with it. */
  async put(tenant: string, name: string, text: string): Promise<void> {
    const config = this.check(tenant, name, text);
    await putStored(this.needed(), { tenant, name: config.name, text });
    await this.loadStored();
  }

  async remove(tenant: string, name: string): Promise<void> {
    if (!(await deleteStored(this.needed(), tenant, name)))
      throw new ClewError(
        'not_found',
        `There is no pipeline "${name.slice(0, 63)}" that was given by the API.`,
      );
    await this.loadStored();
  }

  private check(tenant: string, name: string, text: string): PipelineConfig {
    const [config, second] = parsePipelines(
      { source: fromApi, text },
      this.formats.names,
      this.options.clock,
    );
    if (config === undefined || second !== undefined)
      throw new ClewError('unprocessable', 'Give one pipeline: name, match, stages.');
    if (config.name !== name)
      throw new ClewError(
        'unprocessable',
        `The pipeline's name is "${config.name}", the address says "${name.slice(0, 63)}".`,
      );
    return { ...config, tenant };
  }

  private needed(): PipelineStore {
    if (this.store === null) throw new ClewError('unavailable', 'The store of pipelines is not open yet.');
    return this.store;
  }

  private hidden(pipeline: Pipeline, tenant: string): boolean {
    const { file, name } = pipeline.config;
    return file !== fromApi && this.texts.has(keyOf(tenant, name));
  }

  private async loadStored(): Promise<void> {
    const stored = await this.stored();
    const seen = sha256Hex(JSON.stringify([stored, this.filesSeen]));
    if (seen === this.storeSeen) return;
    this.storeSeen = seen;
    const { clock, log } = this.options;
    const pipelines: Pipeline[] = [];
    const texts = new Map<string, string>();
    for (const { tenant, name, text } of stored) {
      try {
        pipelines.push(new Pipeline(this.check(tenant, name, text), { clock, formats: this.formats }));
        texts.set(keyOf(tenant, name), text);
      } catch (error) {
        // It was right when it was given; a format that it names may be gone.
        log.error({ err: error, pipeline: name, tenant }, 'a stored pipeline is left out');
      }
    }
    this.ofStore = pipelines;
    this.texts = texts;
    pipelineReloads.inc({ result: 'done' });
  }

  /** What the API was given; as the shared file has it where there is no store. Written there before it takes effect here. */
  private async stored(): Promise<StoredPipeline[]> {
    const { sharedFile: file } = this.options;
    if (this.store === null) return (file === undefined ? undefined : await readShared(file)) ?? [];
    const stored = await listStored(this.store);
    const text = JSON.stringify(stored);
    if (file !== undefined && text !== this.shared) {
      await writeShared(file, stored);
      this.shared = text;
    }
    return stored;
  }

  private async watch(): Promise<void> {
    const { clock, log } = this.options;
    const { signal } = this.stopping;
    for (;;) {
      await clock.sleep(watchMs, signal);
      if (signal.aborted) return;
      try {
        await this.loadFiles();
        await this.loadStored();
      } catch (error) {
        pipelineReloads.inc({ result: 'failed' });
        log.error({ err: error }, 'pipelines were not reloaded; the former ones stay');
      }
    }
  }
}

const keyOf = (tenant: string, name: string): string => `${tenant} ${name}`;
