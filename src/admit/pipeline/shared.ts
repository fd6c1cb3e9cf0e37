import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { StoredPipeline } from './stored.ts';

/** Where the process with the ledger leaves its pipelines for one that only takes in. */
export const sharedPipelinesFile = (dataDir: string): string => join(dataDir, 'shared', 'pipelines.json');

const fileSchema = z.strictObject({
  pipelines: z.array(z.strictObject({ tenant: z.string(), name: z.string(), text: z.string() })),
});

/** Written beside and renamed: a reader sees the former list or this one. */
export async function writeShared(file: string, pipelines: readonly StoredPipeline[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const handle = await open(`${file}.new`, 'w', 0o600);
  try {
    await handle.writeFile(JSON.stringify({ pipelines }));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.new`, file);
}

/** Undefined when the other process has not written it yet. */
export async function readShared(file: string): Promise<StoredPipeline[] | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  return fileSchema.parse(JSON.parse(text)).pipelines;
}
