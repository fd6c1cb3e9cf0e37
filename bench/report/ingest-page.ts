/** The ingest report: one page that needs nothing else, a picture for a README, and a summary in Markdown. */
import type { IngestResult, WorkloadResult } from '../ingest.ts';
import type { Tick } from '../load.ts';
import type { RoundResult } from '../round.ts';
import { barChart, chartStyle, escaped, type Line, lineChart } from './charts.ts';
import { commonCells, type SummaryRow, summarize, whole } from './table.ts';

export const pageStyle = `${chartStyle}
body{margin:0;background:var(--bg);color:var(--text);font:15px/1.5 system-ui,sans-serif}
main{max-width:1320px;margin:0 auto;padding:28px 20px 60px}h1{font-size:26px;margin:0 0 4px}h2{font-size:19px;margin:36px 0 10px}
p{max-width:82ch}.dim{color:var(--dim)}.grid2{display:grid;grid-template-columns:repeat(auto-fit,minmax(340px,1fr));gap:14px}
.card{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:8px}.card svg{width:100%;height:auto;display:block}
.scroll{overflow-x:auto}table{border-collapse:collapse;background:var(--panel);border:1px solid var(--line);border-radius:8px;font-size:14px;font-variant-numeric:tabular-nums}
th,td{padding:6px 9px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}th{color:var(--dim);font-weight:500}
th:first-child,td:first-child,td.text,th.text{text-align:left}td.text{white-space:normal}.yes{color:var(--good)}.no{color:var(--bad);font-weight:600}
code{font-family:ui-monospace,monospace;font-size:.92em}`;

export const page = (title: string, content: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark"><title>${escaped(title)}</title><style>${pageStyle}</style></head>
<body><main>${content}</main></body></html>
`;

export const machineText = (result: Pick<IngestResult, 'machine'>): string => {
  const { cpu, cores, memoryBytes, node } = result.machine;
  return `${cores} cores of ${cpu}, ${(memoryBytes / 2 ** 30).toFixed(0)} GiB, Node ${node.replace(/^v/, '')}`;
};

/** How long a round was; a page made from several runs may have more than one length. */
const roundsText = ({ seconds, workloads }: IngestResult): string => {
  const names = new Map<number, string[]>();
  for (const { workload, rounds } of workloads) {
    const length = Math.round(rounds[0]?.door.load.seconds ?? seconds);
    names.set(length, [...(names.get(length) ?? []), workload]);
  }
  if (names.size <= 1) return `${[...names.keys()][0] ?? seconds} s a round`;
  return `${[...names].map(([length, of]) => `${length} s (${of.join(', ')})`).join(' and ')} a round`;
};

const describeShares = ({ shares, connections }: WorkloadResult): string => {
  const parts = shares.map((share) => `${share.signal} with ${whole(share.records)} records a request`);
  return `${parts.join(', ')}; ${connections} connections`;
};

export function ingestPage(result: IngestResult): string {
  const rows = result.workloads.map(summarize);
  const content = [
    '<h1>Ingest benchmark</h1>',
    `<p class="dim">${escaped(`${result.at.slice(0, 10)} · ${machineText(result)} · ${roundsText(result)}`)}</p>`,
    `<p>The real program (<code>clew serve</code>, default settings) under load from another process on the same machine. A record counts when it is acknowledged, which means that it is on disk; at the end every acknowledged record is looked for by SQL. The engine's limit is what the embedded engine alone does in the same run with ready-made segments of the same rows.</p>`,
    summaryTable(rows, result),
    `<div class="grid2" style="margin-top:14px"><div class="card">${rateBars(rows)}</div><div class="card">${cpuBars(rows)}</div></div>`,
    ...result.workloads.map(workloadSection),
    `<h2>How each figure is measured</h2>${method}`,
  ];
  return page('Clew: ingest benchmark', content.join('\n'));
}

const head = [
  'workload',
  'records/s',
  'MB/s',
  'CPU µs/record',
  'merges after',
  'generator',
  'ack p50 ms',
  'p99 ms',
  'max ms',
  'peak MB',
  'median MB',
  'bytes/row',
  'queryable ms',
  'refused',
  'engine alone/s',
  'its CPU',
  'ratio',
  'exactly once',
];

function cells(row: SummaryRow, one: WorkloadResult | undefined): string[] {
  const ratio = one?.rateRatio;
  return [...commonCells(row), ratio === undefined ? '–' : ratio.median.toFixed(2), row.exact ? 'yes' : 'NO'];
}

function summaryTable(rows: readonly SummaryRow[], result: IngestResult): string {
  const line = (row: SummaryRow, at: number) =>
    `<tr>${cells(row, result.workloads[at])
      .map(
        (cell) =>
          `<td${cell === 'yes' ? ' class="yes"' : cell === 'NO' ? ' class="no"' : ''}>${escaped(cell)}</td>`,
      )
      .join('')}</tr>`;
  return `<div class="scroll"><table><thead><tr>${head.map((name) => `<th>${escaped(name)}</th>`).join('')}</tr></thead><tbody>${rows.map(line).join('')}</tbody></table></div>`;
}

const rateBars = (rows: readonly SummaryRow[]): string =>
  barChart({
    title: 'Records a second',
    unit: 'records/s',
    digits: 0,
    groups: rows.map((row) => ({
      label: row.workload,
      bars: [
        { name: 'Clew', color: 'c0', value: row.records },
        ...(row.ceiling === undefined ? [] : [{ name: 'engine alone', color: 'c4', value: row.ceiling }]),
      ],
    })),
  });

const cpuBars = (rows: readonly SummaryRow[]): string =>
  barChart({
    title: 'CPU a record, µs',
    unit: 'µs',
    digits: 2,
    groups: rows.map((row) => ({
      label: row.workload,
      bars: [
        ...(row.cpu === undefined ? [] : [{ name: 'Clew', color: 'c0', value: row.cpu }]),
        ...(row.ceilingCpu === undefined
          ? []
          : [{ name: 'engine alone', color: 'c4', value: row.ceilingCpu }]),
        { name: 'generator', color: 'c3', value: row.generatorCpu },
      ],
    })),
  });

function workloadSection(one: WorkloadResult): string {
  const exact = one.rounds.flatMap(({ door }) => door.exactness);
  const stored = exact.reduce((sum, part) => sum + part.stored, 0);
  const acknowledged = exact.reduce((sum, part) => sum + part.acknowledged, 0);
  const charts = [rateOverTime(one), latencyOverTime(one), memoryOverTime(one)].filter(
    (chart) => chart !== '',
  );
  return `<h2>${escaped(one.workload)}</h2><p class="dim">${escaped(describeShares(one))}. ${whole(acknowledged)} records acknowledged, ${whole(stored)} found.</p>
<div class="grid2">${charts.map((chart) => `<div class="card">${chart}</div>`).join('')}</div>`;
}

const perRound = (one: WorkloadResult, line: (door: RoundResult, at: number) => Line[]): Line[] =>
  one.rounds.flatMap(({ door }, at) => line(door, at));

/** Without what is left of a second at the end. */
const wholeTicks = ({ load }: RoundResult): Tick[] =>
  load.ticks.filter((tick, at) => tick.second - (load.ticks[at - 1]?.second ?? 0) >= 0.5);

/** Records over the time since the tick before, so that a short last tick does not look like a slow one. */
export function ratesOf(door: RoundResult): [number, number][] {
  let before = 0;
  return door.load.ticks.flatMap((tick): [number, number][] => {
    const length = tick.second - before;
    before = tick.second;
    return length < 0.5 ? [] : [[tick.second, tick.records / length]];
  });
}

const rateOverTime = (one: WorkloadResult): string =>
  lineChart({
    title: 'Acknowledged records a second',
    unit: 'records/s',
    lines: perRound(one, (door, at) => [
      { name: 'Clew', color: 'c0', dashed: at > 0, points: ratesOf(door) },
      ...ceilingLine(one, door, at),
    ]),
  });

function ceilingLine(one: WorkloadResult, door: RoundResult, at: number): Line[] {
  const ceiling = one.rounds[at]?.ceiling?.recordsPerSecond;
  const end = door.load.ticks.at(-1)?.second ?? 0;
  return ceiling === undefined
    ? []
    : [
        {
          name: 'engine alone',
          color: 'c4',
          dashed: at > 0,
          points: [
            [0, ceiling],
            [end, ceiling],
          ],
        },
      ];
}

function latencyOverTime(one: WorkloadResult): string {
  const door = one.rounds[0]?.door;
  if (door === undefined) return '';
  const line = (name: 'p50' | 'p90' | 'p99', color: string): Line => ({
    name,
    color,
    points: wholeTicks(door)
      .filter((tick) => tick.records > 0)
      .map((tick) => [tick.second, tick[name]]),
  });
  const lines = [line('p50', 'c1'), line('p90', 'c2'), line('p99', 'c3')];
  return lineChart({ title: 'Acknowledgement latency, ms', unit: 'ms', lines });
}

function memoryOverTime(one: WorkloadResult): string {
  const lines = perRound(one, (door, at) => [
    {
      name: 'resident',
      color: 'c0',
      dashed: at > 0,
      points: door.residentOverTime.map((sample) => [sample.second, sample.residentBytes / 1e6]),
    },
  ]);
  return lines.every((line) => line.points.length === 0)
    ? ''
    : lineChart({ title: 'Resident memory, MB', unit: 'MB', lines });
}

const method = `<ul>
<li><b>records/s</b>: acknowledged records over the time from the first request to the last acknowledgement; median of the rounds. <b>MB/s</b>: requests as they went over the wire.</li>
<li><b>CPU a record</b>: user and system time of the program with all its threads and processes (<code>/proc</code>), from the first request until every record could be queried, merges in that time included; <b>merges after</b>: what the program used from then until it was quiet (or --settle ended), by record. The generator's own cost stands beside it.</li>
<li><b>ack</b>: from the first byte of a request to its answer, of every request; p99 and maximum of the worst round.</li>
<li><b>peak MB</b>: high-water mark of resident memory, worst round. <b>bytes/row</b>: active parts on disk over their rows, after the merges that follow the load.</li>
<li><b>queryable</b>: from the last acknowledgement until a SELECT counts every record. <b>refused</b>: requests answered 429 and sent again after Retry-After.</li>
<li><b>exactly once</b>: each record carries a number from which its id is made; number, distinct numbers, sum and exclusive or of what is stored equal those of what was acknowledged.</li>
<li><b>engine alone</b>: the same rows as ready-made segments, inserted by the embedded engine in a process of its own, with Clew's own statement; rounds in turns. <b>ratio</b>: records/s of Clew to that, median of the rounds.</li>
</ul>`;

/** A picture that shows the same in a README, on light and dark ground. */
export function ingestPicture(result: IngestResult): string {
  const rows = result.workloads.map(summarize);
  const svg = rateBars(rows);
  const [, width = '560', height = '200'] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg) ?? [];
  return svg.replace(
    '<text class="title"',
    `<style>${escaped(chartStyle).replaceAll('&quot;', '"')}</style><rect width="${width}" height="${height}" rx="8" style="fill:var(--panel);stroke:var(--line)"/><text class="title"`,
  );
}

export function ingestMarkdown(result: IngestResult, files: { page: string; picture: string }): string {
  const rows = result.workloads.map((one) => cells(summarize(one), one));
  const line = (row: readonly string[]) => `| ${row.join(' | ')} |`;
  return `# Benchmarks

Written by \`npm run bench -- --html\` on ${result.at.slice(0, 10)}: ${machineText(result)}; ${roundsText(result)}, the load generator on the same
machine. The page with all charts is [${files.page}](${files.page}); how to repeat it and what each figure means: [Benchmark](../guides/benchmark.md).

![Records a second](${files.picture})

${[line(head), line(head.map((_, at) => (at === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')}
`;
}
