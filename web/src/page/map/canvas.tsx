import {
  BaseEdge,
  type Edge,
  EdgeLabelRenderer,
  type EdgeProps,
  Handle,
  MarkerType,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
  type ReactFlowInstance,
} from '@xyflow/react';
import '@xyflow/react/dist/base.css';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useT } from '../../i18n/index.tsx';
import { formatMs, formatRate, formatRatio } from '../../model/format.ts';
import {
  edgeId,
  edgeWidth,
  type Grouped,
  type Layout,
  layOut,
  type MapEdge,
  type MapNode,
} from '../../model/maplayout.ts';
import { Health } from '../../panel/bits.tsx';

const box = { width: 204, height: 52 };
/** Between boxes: along the calls there must be room for a line with its label, across them only for the eye. */
const gap = { alongRight: 82, alongDown: 58, across: 28 };
/** From this share of failed calls an edge is drawn red. */
const failingFrom = 0.05;

/** What is lit on the map: who is reached from the chosen one, or the way between two; the rest steps back. */
export interface Lit {
  /** Distance from the chosen one; of a way the place on it. */
  distance: ReadonlyMap<string, number>;
  /** `edgeId` of the lines that belong to it. */
  lines: ReadonlySet<string>;
}

interface BoxData extends Record<string, unknown> {
  node: MapNode;
  members: number;
  chosen: boolean;
  down: boolean;
  faded: boolean;
  distance: number | undefined;
}
type Box = Node<BoxData, 'service'>;
type Call = Edge<
  { bends: { x: number; y: number }[]; text: string; failing: boolean; down: boolean },
  'call'
>;

interface Drawn extends Layout {
  /** Layers from top to bottom instead of left to right. */
  down: boolean;
}

const sizeOf = (layout: Layout): { wide: number; tall: number } => ({
  wide: Math.max(...layout.nodes.map((spot) => spot.x), 0) + box.width,
  tall: Math.max(...layout.nodes.map((spot) => spot.y), 0) + box.height,
});

const turned = <P extends { x: number; y: number }>(point: P): P => ({ ...point, x: point.y, y: point.x });

/** Layers run the way in which the boxes can be drawn larger. */
function draw(graph: Grouped, room: { width: number; height: number }): Drawn {
  const right = layOut(graph, { x: box.width + gap.alongRight, y: box.height + gap.across });
  const across = layOut(graph, { x: box.height + gap.alongDown, y: box.width + gap.across });
  const down: Layout = {
    nodes: across.nodes.map(turned),
    bends: new Map([...across.bends].map(([id, points]) => [id, points.map(turned)])),
  };
  const scale = ({ wide, tall }: { wide: number; tall: number }): number =>
    Math.min(room.width / wide, room.height / tall);
  return scale(sizeOf(down)) > scale(sizeOf(right)) ? { ...down, down: true } : { ...right, down: false };
}

function boxesOf(graph: Grouped, layout: Drawn, selected: string | undefined, lit: Lit | undefined): Box[] {
  const byUrn = new Map(graph.nodes.map((node) => [node.urn, node]));
  return layout.nodes.flatMap((spot) => {
    const node = byUrn.get(spot.urn);
    if (node === undefined) return [];
    return [
      {
        id: spot.urn,
        type: 'service' as const,
        position: { x: spot.x, y: spot.y },
        data: {
          node,
          members: graph.members.get(spot.urn)?.length ?? 0,
          chosen: spot.urn === selected,
          down: layout.down,
          faded: lit !== undefined && spot.urn !== selected && !lit.distance.has(spot.urn),
          distance: spot.urn === selected ? undefined : lit?.distance.get(spot.urn),
        },
        draggable: false,
        connectable: false,
      },
    ];
  });
}

function linesOf(graph: Grouped, layout: Drawn, selected: string | undefined, lit: Lit | undefined): Call[] {
  const busiest = Math.max(...graph.edges.map((edge) => edge.rps), 0);
  return graph.edges.map((edge) => {
    const id = edgeId(edge);
    const failing = edge.error_rate >= failingFrom && edge.status !== 'removed';
    const near = edge.src === selected || edge.dst === selected;
    const onWay = lit?.lines.has(id) ?? false;
    const color = colorOf(edge, failing, near || onWay);
    return {
      id,
      source: edge.src,
      target: edge.dst,
      type: 'call' as const,
      data: {
        bends: layout.bends.get(id) ?? [],
        text: labelOf(edge, failing, near),
        failing: failing || edge.status === 'removed',
        down: layout.down,
      },
      style: {
        stroke: color,
        strokeWidth:
          edge.status === 'added' || edge.status === 'removed' ? 2.5 : edgeWidth(edge.rps, busiest),
        ...(edge.status === 'removed' ? { strokeDasharray: '6 5' } : {}),
        ...(lit !== undefined && !onWay ? { opacity: 0.25 } : {}),
      },
      markerEnd: {
        type: MarkerType.ArrowClosed,
        color,
        width: 15,
        height: 15,
        markerUnits: 'userSpaceOnUse',
      },
      focusable: false,
      selectable: false,
    };
  });
}

/** What is different from another moment is told before anything else. */
function colorOf(edge: MapEdge, failing: boolean, near: boolean): string {
  if (edge.status === 'added') return 'var(--green)';
  if (edge.status === 'removed' || failing) return 'var(--red)';
  return near ? 'var(--blue)' : 'var(--control)';
}

function labelOf(edge: MapEdge, failing: boolean, near: boolean): string {
  const rate = near && edge.rps > 0 ? formatRate(edge.rps) : '';
  const errors = failing || (near && edge.error_rate > 0) ? formatRatio(edge.error_rate) : '';
  const relation = near && edge.relation !== undefined && edge.relation !== 'CALLS' ? edge.relation : '';
  return [relation, rate, errors].filter((part) => part !== '').join('\n');
}

/** From one box to another, straight through each place kept free between them. */
function stationsOf(props: EdgeProps<Call>): [number, number][] {
  const { sourceX, sourceY, targetX, targetY, data } = props;
  const down = data?.down ?? false;
  const against = down ? targetY < sourceY : targetX < sourceX;
  const between = (data?.bends ?? []).flatMap((bend): [number, number][] => {
    const x = bend.x + box.width / 2;
    const y = bend.y + box.height / 2;
    const through: [number, number][] = down
      ? [
          [x, bend.y],
          [x, bend.y + box.height],
        ]
      : [
          [bend.x, y],
          [bend.x + box.width, y],
        ];
    return against ? through.toReversed() : through;
  });
  return [[sourceX, sourceY], ...between, [targetX, targetY]];
}

function CallLine(props: EdgeProps<Call>) {
  const { data } = props;
  const stations = stationsOf(props);
  const [first, second] = stations;
  const middle = first && second ? [(first[0] + second[0]) / 2, (first[1] + second[1]) / 2] : undefined;
  return (
    <>
      <BaseEdge
        path={smoothPath(stations, data?.down ?? false)}
        style={props.style}
        markerEnd={props.markerEnd}
      />
      {data !== undefined && data.text !== '' && middle !== undefined && (
        <EdgeLabelRenderer>
          <span
            className={`map-edge-label ${data.failing ? 'bad' : ''}`}
            style={{ transform: `translate(-50%, -50%) translate(${middle[0]}px, ${middle[1]}px)` }}
          >
            {data.text}
          </span>
        </EdgeLabelRenderer>
      )}
    </>
  );
}

/** Along the layers where it leaves and where it arrives, at every station. */
function smoothPath(stations: readonly [number, number][], down: boolean): string {
  let path = '';
  let before: [number, number] | undefined;
  for (const [x, y] of stations) {
    if (before === undefined) path = `M${x} ${y}`;
    else if (down) {
      const half = (y - before[1]) / 2;
      path += ` C${before[0]} ${before[1] + half} ${x} ${y - half} ${x} ${y}`;
    } else {
      const half = (x - before[0]) / 2;
      path += ` C${before[0] + half} ${before[1]} ${x - half} ${y} ${x} ${y}`;
    }
    before = [x, y];
  }
  return path;
}

function ServiceBox({ data }: NodeProps<Box>) {
  const t = useT();
  const { node } = data;
  const failed = node.error_rate >= 0.01;
  return (
    <div
      className={`map-node ${node.health} type-${node.type} ${data.chosen ? 'chosen' : ''} ${node.status ?? ''} ${data.faded ? 'faded' : ''}`}
      data-testid="map-node"
      data-service={node.service}
      data-health={node.health}
      data-status={node.status}
      data-distance={data.distance}
    >
      <Handle type="target" position={data.down ? Position.Top : Position.Left} isConnectable={false} />
      <p className="map-node-name">
        <span
          className="clip grow"
          title={node.type === 'outside' ? t('map.outside.text') : `${node.type} ${node.urn}`}
        >
          {marks[node.type]}
          {node.service}
          {data.members > 0 && ` ×${data.members}`}
        </span>
        {data.distance !== undefined && (
          <span className="map-distance" title={t('map.distance', { n: data.distance })}>
            {data.distance}
          </span>
        )}
        {node.status !== undefined && node.status !== 'kept' && (
          <b className={node.status === 'added' ? 'good' : 'bad'}>{t(`map.status.${node.status}`)}</b>
        )}
        {node.health !== 'no_data' && <Health state={node.health} />}
      </p>
      {node.rps === 0 && node.health === 'no_data' ? (
        <p className="map-node-figures">
          <span className="clip">{node.type}</span>
        </p>
      ) : (
        <p className="map-node-figures">
          <span title={t('map.requests')}>{formatRate(node.rps)}</span>
          <span className={failed ? 'bad' : ''} title={t('map.errors')}>
            {formatRatio(node.error_rate)}
          </span>
          {node.p95_ms !== null && <span title={t('map.p95')}>{formatMs(node.p95_ms)}</span>}
        </p>
      )}
      <Handle type="source" position={data.down ? Position.Bottom : Position.Right} isConnectable={false} />
    </div>
  );
}

/** What is not one of our services, by a sign before its name. */
const marks: Record<string, string> = {
  outside: '⇥ ',
  database: '⛁ ',
  queue: '≣ ',
  external: '↗ ',
  host: '▣ ',
  cloud: '☁ ',
  workload: '⬡ ',
  network: '⇄ ',
  storage: '▤ ',
  config: '≡ ',
  role: '◇ ',
  group: '❏ ',
};

const edgeTypes = { call: CallLine };
const nodeTypes = { service: ServiceBox };
/** Room left free around what is drawn, and how large a box gets at most. */
const fit = { padding: 0.06, zoomMax: 1.1, zoomMin: 0.2 };

/** All boxes and all lines in the middle of the room; lines may pass beside the outermost boxes. */
function viewportOf(layout: Drawn, room: { width: number; height: number }) {
  const points = [...layout.nodes, ...[...layout.bends.values()].flat()];
  const left = Math.min(...points.map((point) => point.x));
  const top = Math.min(...points.map((point) => point.y));
  const wide = Math.max(...points.map((point) => point.x)) + box.width - left;
  const tall = Math.max(...points.map((point) => point.y)) + box.height - top;
  const scale = (1 - 2 * fit.padding) * Math.min(room.width / wide, room.height / tall);
  const zoom = Math.max(fit.zoomMin, Math.min(fit.zoomMax, scale));
  return {
    zoom,
    x: (room.width - wide * zoom) / 2 - left * zoom,
    y: (room.height - tall * zoom) / 2 - top * zoom,
  };
}

export function MapCanvas(props: {
  graph: Grouped;
  selected: string | undefined;
  lit: Lit | undefined;
  /** `far`: with Shift, the other end of a way. */
  select: (urn: string | undefined, far: boolean) => void;
}) {
  const { graph, selected, lit } = props;
  const [flow, setFlow] = useState<ReactFlowInstance<Box, Call> | null>(null);
  const holder = useRef<HTMLDivElement>(null);
  const room = useRoom(holder);
  const layout = useMemo(() => draw(graph, room), [graph, room]);
  const nodes = useMemo(() => boxesOf(graph, layout, selected, lit), [graph, layout, selected, lit]);
  const edges = useMemo(() => linesOf(graph, layout, selected, lit), [graph, layout, selected, lit]);
  // What is drawn decides the view: new figures of the same services must not move it under the eyes.
  const members = `${layout.down} ${room.width} ${room.height} ${nodes.map((node) => node.id).join(' ')}`;
  useEffect(() => {
    if (flow === null || members === '') return;
    const frame = requestAnimationFrame(() => void flow.setViewport(viewportOf(layout, room)));
    return () => cancelAnimationFrame(frame);
  }, [flow, members]);
  return (
    <div className="map-holder" ref={holder}>
      <ReactFlow<Box, Call>
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        edgeTypes={edgeTypes}
        onInit={setFlow}
        onNodeClick={(event, node) => props.select(node.id, event.shiftKey)}
        onPaneClick={() => props.select(undefined, false)}
        minZoom={0.2}
        maxZoom={1.6}
        nodesDraggable={false}
        nodesConnectable={false}
        elementsSelectable={false}
        proOptions={{ hideAttribution: true }}
      />
    </div>
  );
}

/** The room there is to draw in, followed as the window changes. */
function useRoom(holder: { current: HTMLDivElement | null }): { width: number; height: number } {
  const [room, setRoom] = useState({ width: 1_000, height: 700 });
  useEffect(() => {
    const element = holder.current;
    if (element === null) return;
    const observer = new ResizeObserver(() =>
      setRoom({ width: element.clientWidth, height: element.clientHeight }),
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [holder]);
  return room;
}
