/** What a program and all processes that it started use, from Linux' /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** The kernel counts CPU in these; USER_HZ has been 100 on every Linux that Node runs on. */
const millisecondsPerTick = 10;

export interface Usage {
  cpuMs: number;
  residentBytes: number;
  /** Sum of each process' own peak. */
  residentPeakBytes: number;
  processes: number;
}

interface Stat {
  parent: number;
  ticks: number;
}

/** The fields of /proc/<pid>/stat after the name, which may hold spaces and parentheses. */
export function parseStat(text: string): Stat {
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  // utime, stime, and those of children that have ended and were waited for.
  const ticks = [11, 12, 13, 14].reduce((sum, field) => sum + (fields[field] ?? 0), 0);
  return { parent: fields[1] ?? 0, ticks };
}

/** Bytes of a line such as `VmHWM:   12345 kB`; 0 when it is not there. */
export function parseMemory(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
}

/** Undefined when the process is gone. */
export function usageOf(root: number): Usage | undefined {
  const stats = new Map<number, Stat>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const text = read(`/proc/${pid}/stat`);
    if (text !== undefined) stats.set(pid, parseStat(text));
  }
  if (!stats.has(root)) return undefined;
  const usage: Usage = { cpuMs: 0, residentBytes: 0, residentPeakBytes: 0, processes: 0 };
  for (const [pid, stat] of stats) {
    if (!isWithin(pid, root, stats)) continue;
    const status = read(`/proc/${pid}/status`) ?? '';
    usage.cpuMs += stat.ticks * millisecondsPerTick;
    usage.residentBytes += parseMemory(status, 'VmRSS');
    usage.residentPeakBytes += parseMemory(status, 'VmHWM');
    usage.processes++;
  }
  return usage;
}

function isWithin(pid: number, root: number, stats: ReadonlyMap<number, Stat>): boolean {
  for (let at = pid; at > 1; at = stats.get(at)?.parent ?? 0) if (at === root) return true;
  return false;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Watches a program until it is stopped. */
export class Sampler {
  readonly samples: { second: number; residentBytes: number; cpuMs: number }[] = [];
  private readonly pid: number;
  private readonly started = performance.now();
  private readonly timer: NodeJS.Timeout;

  constructor(pid: number, intervalMs = 500) {
    this.pid = pid;
    this.take();
    this.timer = setInterval(() => this.take(), intervalMs);
  }

  stop(): void {
    this.take();
    clearInterval(this.timer);
  }

  private take(): void {
    const usage = usageOf(this.pid);
    if (usage === undefined) return;
    const second = (performance.now() - this.started) / 1000;
    this.samples.push({ second, residentBytes: usage.residentBytes, cpuMs: usage.cpuMs });
  }
}
