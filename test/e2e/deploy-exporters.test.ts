/** The examples under deploy/ for Prometheus and the exporters, with the real programs. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { freePort } from '../../demo/run/ports.ts';
import { readScrapeFile } from '../../src/receive/scrape/config.ts';
import { answering, missingPrograms, type Program, startProgram } from '../support/programs.ts';

const deploy = join(import.meta.dirname, '../../deploy');
const missing = missingPrograms('prometheus-node-exporter', 'prometheus-process-exporter', 'promtool');
const dir = mkdtempSync(join(tmpdir(), 'clew-deploy-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The arguments of a unit's ExecStart, as systemd hands them on. */
function argumentsOf(unit: string): string[] {
  const text = readFileSync(join(deploy, unit), 'utf8').replaceAll('\\\n', ' ');
  const [, line = ''] = /^ExecStart=(.*)$/m.exec(text) ?? [];
  return line
    .trim()
    .split(/\s+/)
    .map((word) => word.replaceAll('$$', '$'));
}

describe.skipIf(missing.length > 0)(
  `the units of the exporters${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not installed)` : ''}`,
  () => {
    async function run(program: string, unit: string): Promise<string> {
      const port = await freePort();
      const [, ...args] = argumentsOf(unit);
      const changed = args.map((word) =>
        word
          .replace(/127\.0\.0\.1:\d+$/, `127.0.0.1:${port}`)
          .replace('/opt/metrics-agent/', `${deploy}/process-exporter/`)
          .replace('/var/lib/metrics-agent/textfile', dir),
      );
      const started: Program = startProgram(program, changed);
      try {
        const url = `http://127.0.0.1:${port}/metrics`;
        await answering(url, started);
        return await (await fetch(url)).text();
      } finally {
        await started.stop();
      }
    }

    it('node_exporter starts with the flags of its unit: processes and textfile are collected, excluded mounts are not', async () => {
      const body = await run('prometheus-node-exporter', 'node-exporter/node-exporter.service');
      for (const collector of ['processes', 'textfile', 'filesystem', 'cpu', 'meminfo'])
        expect(body).toContain(`node_scrape_collector_success{collector="${collector}"}`);
      expect(body).toContain('node_processes_state{');
      expect(body).not.toMatch(/node_filesystem_size_bytes\{[^}]*mountpoint="\/(proc|sys|dev|run)["/]/);
    });

    it('process-exporter starts with the flags and the groups of its unit', async () => {
      const body = await run('prometheus-process-exporter', 'process-exporter/process-exporter.service');
      expect(body).toMatch(/namedprocess_namegroup_num_procs\{groupname="other"\} [1-9]/);
      const groups = new Set([...body.matchAll(/groupname="([^"]*)"/g)].map(([, name]) => name));
      for (const name of groups)
        expect(['nginx', 'redis', 'postgres', 'xcontrol-server', 'other']).toContain(name);
    });

    it('the example of Prometheus is valid for promtool', async () => {
      const check = startProgram('promtool', ['check', 'config', join(deploy, 'prometheus/prometheus.yml')]);
      const code = await new Promise((resolve) => check.process.once('close', resolve));
      expect(code, check.output()).toBe(0);
    });
  },
);

it('the example of Prometheus is a scrape file of Clew', () => {
  const path = join(deploy, 'prometheus/prometheus.yml');
  const file = readScrapeFile(path, readFileSync(path, 'utf8'));
  expect(file.jobs.map((job) => [job.name, job.intervalMs, job.groups[0]?.targets])).toEqual([
    ['node', 15_000, ['127.0.0.1:9100']],
    ['process', 15_000, ['127.0.0.1:9256']],
  ]);
  expect(file.ignored).toEqual(['remote_write']);
});
