/**
 * Builds the console (web/) into web/dist with Vite, unless the sources it was last built from are the same: the hash of
 * every source file, the lock file and the version of Vite is kept beside the result. Prints one line.
 */
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const root = join(import.meta.dirname, '..');
const web = join(root, 'web');
const dist = join(web, 'dist');
const stamp = join(dist, '.sources');

/** The lock file stands for every library, so an upgraded one rebuilds the console too. */
function hashOfSources(): string {
  const files = [
    ...globSync('src/**/*.{ts,tsx,css,svg}', { cwd: web, exclude: (name) => name.endsWith('.test.ts') }).map(
      (name) => join(web, name),
    ),
    // The console uses a few pure functions and the types of the model.
    ...globSync('src/model/*.ts', { cwd: root }).map((name) => join(root, name)),
    join(web, 'index.html'),
    join(web, 'vite.config.ts'),
    import.meta.filename,
    join(root, 'package-lock.json'),
  ].sort();
  const hash = createHash('sha256');
  for (const file of files) {
    hash.update(relative(root, file)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

/** Beside each script and style the same compressed: a browser elsewhere loads a third of the bytes. */
function compress(): void {
  for (const name of globSync('assets/*.{js,css}', { cwd: dist })) {
    const bytes = readFileSync(join(dist, name));
    writeFileSync(join(dist, `${name}.gz`), gzipSync(bytes, { level: 9 }));
    writeFileSync(
      join(dist, `${name}.br`),
      brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
    );
  }
}

const startedMs = performance.now();
const wanted = hashOfSources();
const force = process.argv.includes('--force');
if (
  !force &&
  existsSync(join(dist, 'index.html')) &&
  existsSync(stamp) &&
  readFileSync(stamp, 'utf8') === wanted
) {
  console.error('console: up to date (web/dist)');
} else {
  const { build } = await import('vite');
  await build({ configFile: join(web, 'vite.config.ts'), logLevel: 'warn' });
  compress();
  writeFileSync(stamp, wanted);
  console.error(`console: built into web/dist in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
}
