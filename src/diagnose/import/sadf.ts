import type { EpochMs } from '../../model/index.ts';
import {
  type ForeignFile,
  isObject,
  labelled,
  listOf,
  objects,
  parseJson,
  type RowSink,
  textOf,
  unreadable,
} from './rows.ts';

/**
 * History of a host as `sadf -j [FILE] -- -A` prints it (sysstat 11 and 12). Its figures are rates and shares of an interval
 * already. Times are those of the file (`-U` and `-t` would change them): UTC, where it says so.
 */
export function importSadf(file: ForeignFile, sink: RowSink): void {
  const document = parseJson(file);
  const hosts = isObject(document) && isObject(document.sysstat) ? listOf(document.sysstat.hosts) : [];
  if (hosts.length === 0) throw unreadable(file.name, 'field "sysstat.hosts"', 'no host is there.');
  for (const [index, host] of hosts.entries()) {
    if (!isObject(host)) continue;
    const name = textOf(host.nodename) || `host-${index}`;
    for (const [at, sample] of listOf(host.statistics).entries()) {
      const where = `sysstat.hosts[${index}].statistics[${at}]`;
      if (isObject(sample)) statistics(sample, timeOf(sample, file.name, where), name, sink);
    }
  }
}

function timeOf(sample: Record<string, unknown>, file: string, where: string): EpochMs {
  const { date, time } = isObject(sample.timestamp) ? sample.timestamp : {};
  const at = Date.parse(`${textOf(date)}T${textOf(time)}Z`);
  if (Number.isFinite(at)) return at;
  throw unreadable(file, `field "${where}.timestamp"`, `"${textOf(date)} ${textOf(time)}" is not a time.`);
}

type Sample = Record<string, unknown>;

function statistics(sample: Sample, at: EpochMs, host: string, sink: RowSink): void {
  const put = (metric: string, value: unknown, scale = 1) => {
    if (typeof value === 'number' && Number.isFinite(value)) sink.metric(at, host, metric, value * scale);
  };
  for (const cpu of objects(sample['cpu-load'] ?? sample['cpu-load-all'])) {
    if (cpu.cpu !== 'all') continue;
    if (typeof cpu.idle === 'number') put('system.cpu.utilization', 1 - cpu.idle / 100);
    put('system.cpu.iowait', cpu.iowait, 0.01);
    put('system.cpu.steal', cpu.steal, 0.01);
  }
  const { queue, memory } = sample;
  if (isObject(queue)) {
    put('system.cpu.load_average.1m', queue['ldavg-1']);
    put('system.processes.blocked', queue.blocked);
    put('system.processes.count', queue['plist-sz']);
  }
  if (isObject(memory)) memoryOf(memory, put);
  const pages = sample['swap-pages'];
  if (isObject(pages)) {
    put('system.swap.pages_in_per_second', pages.pswpin);
    put('system.swap.pages_out_per_second', pages.pswpout);
  }
  for (const disk of objects(sample.disk)) {
    const device = textOf(disk['disk-device']);
    put(labelled('system.disk.io_util', 'device', device), disk['util-percent'], 0.01);
    put(labelled('system.disk.io_await', 'device', device), disk.await);
    put(labelled('system.disk.written_bytes_per_second', 'device', device), disk.wkB, 1024);
    put(labelled('system.disk.read_bytes_per_second', 'device', device), disk.rkB, 1024);
  }
  for (const system of objects(sample.filesystems)) {
    const device = textOf(system.filesystem);
    put(labelled('system.filesystem.utilization', 'device', device), system['%fsused'], 0.01);
    put(labelled('system.filesystem.inodes.utilization', 'device', device), system['%Iused'], 0.01);
  }
  if (isObject(sample.network)) networkOf(sample.network, put);
}

type Put = (metric: string, value: unknown, scale?: number) => void;

/** What can't be given to programs at once is used; older versions count the page cache to it and name no `avail`. */
function memoryOf(memory: Sample, put: Put): void {
  const { memfree, memused, avail } = memory;
  const percent = memory['memused-percent'];
  if (typeof memused === 'number' && typeof percent === 'number' && percent > 0 && typeof avail === 'number')
    put('system.memory.utilization', 1 - avail / ((memused * 100) / percent));
  else if (typeof memused === 'number' && typeof memfree === 'number')
    put('system.memory.utilization', memused / (memused + memfree));
  put('system.swap.utilization', memory['swpused-percent'], 0.01);
}

function networkOf(network: Sample, put: Put): void {
  for (const device of objects(network['net-dev'])) {
    const name = textOf(device.iface);
    put(labelled('system.network.if_util', 'device', name), device['ifutil-percent'], 0.01);
    put(labelled('system.network.transmit_bytes_per_second', 'device', name), device.txkB, 1024);
    put(labelled('system.network.receive_bytes_per_second', 'device', name), device.rxkB, 1024);
  }
  for (const device of objects(network['net-edev'])) {
    const name = textOf(device.iface);
    for (const side of ['rx', 'tx']) {
      put(labelled(`system.network.${side}_errors_per_second`, 'device', name), device[`${side}err`]);
      put(labelled(`system.network.${side}_drops_per_second`, 'device', name), device[`${side}drop`]);
    }
  }
  const tcp = network['net-tcp'];
  const errors = network['net-etcp'];
  if (isObject(tcp)) {
    put('tcp_segments_sent_per_second', tcp.oseg);
    put('tcp_connect_attempts_per_second', tcp.active);
  }
  if (isObject(errors)) {
    put('tcp_retransmits_per_second', errors.retrans);
    put('tcp_connect_failures_per_second', errors.atmptf);
    put('tcp_resets_per_second', errors.orsts);
  }
}
