import { join } from 'node:path';
import type { DetailStore } from '../../detail/index.ts';
import { ClewError } from '../../lib/index.ts';
import type { EpochMs } from '../../model/index.ts';
import { around, minutesOf } from './around.ts';
import type { Source } from './contract.ts';
import { type Dataset, literal, stage, theirColumns } from './staged.ts';

export interface ObjectStore {
  /** `https://host/bucket` of a store with S3's interface, or `file:///directory`. */
  url: string;
  /** Folder of one minute's objects; `{dataset}`, `{yyyy}`, `{MM}`, `{dd}`, `{hh}` and `{mm}` (minute) are filled in, UTC. */
  layout: string;
  accessKeyId: string;
  secretAccessKey: string;
}

export const defaultLayout = '{dataset}/yyyy={yyyy}/MM={MM}/dd={dd}/hh={hh}/mm={mm}/';

/** The folder of one minute. Throws `bad_request` for a placeholder that there is not. */
export function folderOf(layout: string, dataset: Dataset, at: EpochMs): string {
  const [date = '', time = ''] = new Date(at).toISOString().split('T');
  const [yyyy = '', MM = '', dd = ''] = date.split('-');
  const [hh = '', mm = ''] = time.split(':');
  const values: Record<string, string> = { dataset, yyyy, MM, dd, hh, mm };
  return layout.replaceAll(/\{([^}]*)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined)
      throw new ClewError(
        'bad_request',
        `layout: {${name}} is unknown; {dataset}, {yyyy}, {MM}, {dd}, {hh} and {mm} are filled in.`,
      );
    return value;
  });
}

/** Parquet objects in a store with S3's interface or in a directory, one folder a minute. */
export const objectsSource = (detail: DetailStore, store: ObjectStore): Source => ({
  kind: 's3',
  open: (tenant, window) => {
    const minutes = minutesOf(around(window));
    const relation = (dataset: Dataset): string =>
      `(${minutes.map((at) => `SELECT * FROM ${objectsOf(store, dataset, at)}`).join(' UNION ALL ')})`;
    return stage(detail, tenant, window, async () => ({
      logs: relation('logs'),
      traces: relation('traces'),
      metrics: relation('metrics'),
    }));
  },
});

function objectsOf(store: ObjectStore, dataset: Dataset, at: EpochMs): string {
  const folder = folderOf(store.layout, dataset, at);
  const columns = literal(theirColumns[dataset]);
  if (store.url.startsWith('file://')) {
    const path = literal(join(new URL(store.url).pathname, folder, '*.parquet'));
    return `file(${path}, 'Parquet', ${columns})`;
  }
  const url = literal(`${store.url.replace(/\/+$/, '')}/${folder}*.parquet`);
  const keys =
    store.accessKeyId === '' ? 'NOSIGN' : `${literal(store.accessKeyId)}, ${literal(store.secretAccessKey)}`;
  return `s3(${url}, ${keys}, 'Parquet', ${columns})`;
}
