import { readFile } from 'node:fs/promises';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import type { DetailStore } from '../../detail/index.ts';
import { ClewError } from '../../lib/index.ts';
import type { Source } from './contract.ts';
import { mockSource } from './mock.ts';
import { defaultLayout, folderOf, objectsSource } from './objects.ts';
import { openObserveSource } from './openobserve.ts';
import { ownSource } from './own.ts';

const path = z.string().min(1);
const url = (protocols: RegExp, text: string) => z.string().regex(protocols, text);

const sourceSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('own') }),
  z.strictObject({ kind: z.literal('mock') }),
  z.strictObject({
    kind: z.literal('s3'),
    url: url(/^(https?|file):\/\//, 'must begin with http://, https:// or file://'),
    layout: z.string().default(defaultLayout),
    access_key_id_file: path.optional(),
    secret_access_key_file: path.optional(),
  }),
  z.strictObject({
    kind: z.literal('openobserve'),
    url: url(/^https?:\/\//, 'must begin with http:// or https://'),
    organization: z.string().min(1).default('default'),
    user: z.string().min(1),
    password_file: path,
    streams: z
      .strictObject({
        logs: z.array(z.string().min(1)).default(['default']),
        traces: z.array(z.string().min(1)).default(['default']),
        metrics: z.array(z.string().min(1)).default([]),
      })
      .prefault({}),
  }),
]);
const fileSchema = z.strictObject({ tenants: z.record(z.string().min(1), sourceSchema) });
type SourceSettings = z.infer<typeof sourceSchema>;

/** The source of a tenant; of one that is not named, the detail store. */
export type Sources = (tenant: string) => Source;

/**
 * Reads which source each tenant has. `file` is YAML, empty for none; `mock` makes every tenant's details up. Throws
 * `bad_request` that names the file, the tenant and the field.
 */
export async function loadSources(
  detail: DetailStore,
  options: { file: string; mock: boolean },
): Promise<Sources> {
  if (options.mock) return () => mockSource;
  if (options.file === '') return () => ownSource;
  const parsed = fileSchema.safeParse(await yamlOf(options.file));
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`);
    throw new ClewError('bad_request', `${options.file} (rollup.sources_file): ${faults.join('; ')}`);
  }
  const sources = new Map<string, Source>();
  for (const [tenant, settings] of Object.entries(parsed.data.tenants))
    sources.set(tenant, await sourceOf(detail, settings));
  return (tenant) => sources.get(tenant) ?? ownSource;
}

async function yamlOf(file: string): Promise<unknown> {
  try {
    return parseYaml(await readFile(file, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ClewError('bad_request', `${file} (rollup.sources_file) can't be read: ${reason}`, {
      cause: error,
    });
  }
}

async function sourceOf(detail: DetailStore, settings: SourceSettings): Promise<Source> {
  switch (settings.kind) {
    case 'own':
      return ownSource;
    case 'mock':
      return mockSource;
    case 's3': {
      folderOf(settings.layout, 'logs', 0);
      const accessKeyId = await secretOf(settings.access_key_id_file);
      const secretAccessKey = await secretOf(settings.secret_access_key_file);
      return objectsSource(detail, {
        url: settings.url,
        layout: settings.layout,
        accessKeyId,
        secretAccessKey,
      });
    }
    case 'openobserve': {
      const { url: address, organization, user, streams } = settings;
      const password = await secretOf(settings.password_file);
      return openObserveSource(detail, { url: address, organization, user, password, ...streams });
    }
  }
}

async function secretOf(file: string | undefined): Promise<string> {
  if (file === undefined) return '';
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw new ClewError('bad_request', `The secret file ${file} of rollup.sources_file can't be read.`, {
      cause: error,
    });
  }
}
