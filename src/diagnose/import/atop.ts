import type { EpochMs } from '../../model/index.ts';
import { type ForeignFile, labelled, type RowSink, unreadable } from './rows.ts';

/** Programs per sample, those that use most first. The others of a host are rarely why it suffers. */
const programsMax = 20;

/**
 * History of a host as `atop -r FILE -P ALL` prints it (atop 2.x): one line per label and interval, seven fields that are
 * the same in all, then the label's own. What stands before the first SEP after RESET counts from the boot on and is left out.
 */
export function importAtop({ name, text }: ForeignFile, sink: RowSink): void {
  let sinceBoot = false;
  let seen = 0;
  let programs = new Programs();
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '') continue;
    const [label = ''] = line.split(' ', 1);
    if (label === 'RESET') sinceBoot = true;
    else if (label === 'SEP') {
      programs.tell(sink);
      programs = new Programs();
      sinceBoot = false;
    } else if (!sinceBoot) {
      const fields = fieldsOf(line);
      const at = Number(fields[2]) * 1000;
      const seconds = Number(fields[5]);
      if (!Number.isFinite(at) || !(seconds > 0))
        throw unreadable(name, `line ${index + 1}`, 'it has no time or no interval; was it made by atop -P?');
      take({ label, at, host: fields[1] ?? '', seconds, rest: fields.slice(6) }, sink, programs);
      seen++;
    }
  }
  programs.tell(sink);
  if (seen === 0) throw unreadable(name, '', 'no sample of atop is in it.');
}

interface Line {
  label: string;
  at: EpochMs;
  host: string;
  seconds: number;
  rest: string[];
}

/** Names of programs stand in brackets and may hold blanks. */
const fieldsOf = (line: string): string[] => line.match(/\([^)]*\)|\S+/g) ?? [];

type Put = (metric: string, value: number) => void;

function take(line: Line, sink: RowSink, programs: Programs): void {
  const { at, host, rest, seconds } = line;
  const put: Put = (metric, value) => {
    if (Number.isFinite(value)) sink.metric(at, host, metric, value);
  };
  if (line.label === 'PRC') {
    // pid, name, state, clock ticks per second, ticks in user and system mode.
    const [, name, , perSecond, user, system] = rest;
    programs.add(at, host, name, { cpu: (Number(user) + Number(system)) / Number(perSecond) / seconds });
  } else if (line.label === 'PRM') {
    // pid, name, state, page size, virtual and resident kB.
    programs.add(at, host, rest[1], { memory: Number(rest[5]) * 1024 });
  } else readers[line.label]?.(rest, seconds, put);
}

const readers: Record<string, (rest: string[], seconds: number, put: Put) => void> = {
  CPU: processors,
  CPL: (rest, _, put) => put('system.cpu.load_average.1m', Number(rest[1])),
  MEM: memory,
  PAG(rest, seconds, put) {
    put('system.swap.pages_in_per_second', Number(rest[4]) / seconds);
    put('system.swap.pages_out_per_second', Number(rest[5]) / seconds);
  },
  DSK: disk,
  LVM: disk,
  MDD: disk,
  NET: network,
};

/** Clock ticks per second, cores, then ticks in system, user, nice, idle, wait, irq, softirq, steal. */
function processors(rest: string[], _: number, put: Put): void {
  const ticks = rest.slice(2, 10).map(Number);
  const all = ticks.reduce((sum, value) => sum + value, 0);
  if (!(all > 0)) return;
  const [, , , idle = 0, wait = 0, , , steal = 0] = ticks;
  put('system.cpu.utilization', 1 - (idle + wait) / all);
  put('system.cpu.iowait', wait / all);
  put('system.cpu.steal', steal / all);
}

/** Page size, then pages: all, free, cache, buffers, slab, dirty, reclaimable slab. */
function memory(rest: string[], _: number, put: Put): void {
  const [all = 0, free = 0, cache = 0, buffers = 0, , , reclaimable = 0] = rest.slice(1).map(Number);
  put('system.memory.utilization', 1 - (free + cache + buffers + reclaimable) / all);
}

function disk(rest: string[], seconds: number, put: Put): void {
  const [device = '', busyMs, reads, , writes, written] = rest;
  const accesses = Number(reads) + Number(writes);
  put(labelled('system.disk.io_util', 'device', device), Number(busyMs) / 1000 / seconds);
  if (accesses > 0) put(labelled('system.disk.io_await', 'device', device), Number(busyMs) / accesses);
  put(labelled('system.disk.written_bytes_per_second', 'device', device), (Number(written) * 512) / seconds);
}

function network(rest: string[], seconds: number, put: Put): void {
  const [device = ''] = rest;
  const field = (index: number): number => Number(rest[index]) / seconds;
  if (device === 'upper') {
    put('tcp_segments_sent_per_second', field(2));
    put('tcp_connect_attempts_per_second', field(11));
    put('tcp_retransmits_per_second', field(14));
    put('tcp_resets_per_second', field(16));
    return;
  }
  put(labelled('system.network.receive_bytes_per_second', 'device', device), field(2));
  put(labelled('system.network.transmit_bytes_per_second', 'device', device), field(4));
}

interface Use {
  cpu: number;
  memory: number;
}

/** What the programs of one sample use, processes of the same name together. */
class Programs {
  private readonly uses = new Map<string, Use>();
  private at = 0;
  private host = '';

  add(at: EpochMs, host: string, bracketed: string | undefined, use: Partial<Use>): void {
    const name = bracketed?.replace(/^\(|\)$/g, '') ?? '';
    if (name === '') return;
    this.at = at;
    this.host = host;
    const sum = this.uses.get(name) ?? { cpu: 0, memory: 0 };
    sum.cpu += Number.isFinite(use.cpu) ? (use.cpu ?? 0) : 0;
    sum.memory += Number.isFinite(use.memory) ? (use.memory ?? 0) : 0;
    this.uses.set(name, sum);
  }

  tell(sink: RowSink): void {
    const most = (what: keyof Use) =>
      [...this.uses]
        .filter(([, use]) => use[what] > 0)
        .sort(([a, x], [b, y]) => y[what] - x[what] || (a < b ? -1 : 1))
        .slice(0, programsMax);
    const service = (name: string) => `${this.host}/${name}`;
    for (const [name, use] of most('cpu'))
      sink.metric(this.at, service(name), 'process.cpu.utilization', use.cpu);
    for (const [name, use] of most('memory'))
      sink.metric(this.at, service(name), 'process.memory.usage', use.memory);
  }
}
