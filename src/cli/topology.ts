import { ClewError } from '../lib/index.ts';
import { callApi } from './api.ts';
import { spanMs } from './arguments.ts';

export const topologyUsage = `  clew topology [--at T] [--diff T1 T2] [--relation R,…] [--source S] [--format table|json|dot]
                                                     what ran on and called what at a moment, or what is different
                                                     (T: 2026-11-20T12:00:00Z, epoch milliseconds, or 3h ago as 3h)`;

export interface TopologyOptions {
  /** Where Clew listens, without a slash at the end. */
  url: string;
  token: string;
  nowMs: number;
  write: (text: string) => void;
}

interface Node {
  urn: string;
  name: string;
  type: string;
  status?: string;
}
interface Edge {
  src: string;
  dst: string;
  relation: string;
  sources: string[];
  since: number;
  until: number | null;
  status?: string;
}
interface Answer {
  data: { nodes: Node[]; edges: Edge[]; truncated: boolean };
}

const formats = ['table', 'json', 'dot'] as const;

/** `clew topology …`; answers the exit code. */
export async function topology(
  words: readonly string[],
  flags: Readonly<Record<string, string>>,
  options: TopologyOptions,
): Promise<number> {
  const { at, diff, relation, source, format = 'table' } = flags;
  const shape = formats.find((one) => one === format);
  if (shape === undefined)
    throw new ClewError('bad_request', `--format is "${format}"; there are ${formats.join(', ')}.`);
  const [later, ...more] = words;
  if (more.length > 0 || (later !== undefined && diff === undefined))
    throw new ClewError('bad_request', `"${more[0] ?? later}" is one word too many.\n${topologyUsage}`);
  if (at !== undefined && diff !== undefined)
    throw new ClewError('bad_request', '--at is one moment, --diff compares two; give one of them.');
  const query = new URLSearchParams();
  for (const one of relation?.split(',') ?? []) query.append('relation', one.toUpperCase());
  if (source !== undefined) query.set('source', source);
  if (diff === undefined) {
    if (at !== undefined) query.set('at', String(momentOf('--at', at, options.nowMs)));
  } else {
    query.set('from', String(momentOf('--diff', diff, options.nowMs)));
    if (later !== undefined) query.set('to', String(momentOf('--diff', later, options.nowMs)));
    query.set('changes', shape === 'table' ? 'only' : 'all');
  }
  const { data } = await callApi<Answer>(options, `/topology${diff === undefined ? '' : '/diff'}?${query}`);
  options.write(
    shape === 'json'
      ? `${JSON.stringify(data)}\n`
      : shape === 'dot'
        ? dotOf(data)
        : tableOf(data, diff !== undefined),
  );
  return 0;
}

function momentOf(flag: string, text: string, nowMs: number): number {
  const ago = spanMs(text);
  if (ago !== null) return nowMs - ago;
  if (text === 'now') return nowMs;
  const at = /^\d{10,16}$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isNaN(at) || !/^\d{4}-|^\d{10,16}$/.test(text))
    throw new ClewError(
      'bad_request',
      `${flag}: "${text}" is no moment; write 2026-11-20T12:00:00Z, epoch milliseconds, 3h or now.`,
    );
  return at;
}

const marks: Record<string, string> = { added: '+', removed: '-', kept: ' ' };

function tableOf({ nodes, edges, truncated }: Answer['data'], compared: boolean): string {
  const lines = edges.map((edge) =>
    [
      compared ? `${marks[edge.status ?? ''] ?? ''} ${edge.src}` : edge.src,
      edge.relation,
      edge.dst,
      new Date(edge.since).toISOString(),
      edge.until === null ? '' : new Date(edge.until).toISOString(),
      edge.sources.join(','),
    ].join('\t'),
  );
  const count = (status: string) =>
    `${nodes.filter((one) => one.status === status).length} resources and ${edges.filter((one) => one.status === status).length} edges ${status}`;
  const sum = compared
    ? edges.length === 0
      ? 'nothing is different'
      : `${count('added')}, ${count('removed')}`
    : `${nodes.length} resources, ${edges.length} edges`;
  const tail = truncated ? ['there are more edges; narrow by --relation or --source'] : [];
  return `${[...lines, sum, ...tail].join('\n')}\n`;
}

const quoted = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
const colors: Record<string, string> = { added: 'color=darkgreen', removed: 'color=red, style=dashed' };

/** The graph in Graphviz's language: `clew topology --format dot | dot -Tsvg`. */
function dotOf({ nodes, edges }: Answer['data']): string {
  const attributes = (...given: (string | undefined)[]) => {
    const list = given.filter((one) => one !== undefined);
    return list.length === 0 ? '' : ` [${list.join(', ')}]`;
  };
  const lines = [
    ...nodes.map(
      (node) =>
        `  ${quoted(node.urn)}${attributes(`label=${quoted(node.name || node.urn)}`, colors[node.status ?? ''])};`,
    ),
    ...edges.map(
      (edge) =>
        `  ${quoted(edge.src)} -> ${quoted(edge.dst)}${attributes(`label=${quoted(edge.relation)}`, colors[edge.status ?? ''])};`,
    ),
  ];
  return `digraph topology {\n  rankdir=LR;\n${lines.join('\n')}\n}\n`;
}
