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
import { useEffect, useMemo, useState } from 'react';
import { useT } from '../../i18n/index.tsx';
import { formatMs, formatRate, formatRatio } from '../../model/format.ts';
import { edgeId, edgeWidth, type Grouped, type Layout, layOut, type MapNode } from '../../model/maplayout.ts';
import { Health } from '../../panel/bits.tsx';

const spacing = { x: 286, y: 92 };
const box = { width: 204, height: 52 };
/** From this share of failed calls an edge is drawn red. */
const failingFrom = 0.05;

type Box = Node<{ node: MapNode; members: number; chosen: boolean }, 'service'>;
type Call = Edge<{ bends: { x: number; y: number }[]; text: string; failing: boolean }, 'call'>;

function boxesOf(graph: Grouped, layout: Layout, selected: string | undefined): Box[] {
  const byUrn = new Map(graph.nodes.map((node) => [node.urn, node]));
  return layout.nodes.flatMap((spot) => {
    const node = byUrn.get(spot.urn);
    if (node === undefined) return [];
    return [
      {
        id: spot.urn,
        type: 'service' as const,
        position: { x: spot.x, y: spot.y },
        data: { node, members: graph.members.get(spot.urn)?.length ?? 0, chosen: spot.urn === selected },
        draggable: false,
        connectable: false,
      },
    ];
  });
}

function linesOf(graph: Grouped, layout: Layout, selected: string | undefined): Call[] {
  const busiest = Math.max(...graph.edges.map((edge) => edge.rps), 0);
  return graph.edges.map((edge) => {
    const failing = edge.error_rate >= failingFrom;
    const near = edge.src === selected || edge.dst === selected;
    const color = failing ? 'var(--red)' : near ? 'var(--blue)' : 'var(--control)';
    const rate = near ? formatRate(edge.rps) : '';
    const errors = failing || (near && edge.error_rate > 0) ? formatRatio(edge.error_rate) : '';
    return {
      id: edgeId(edge),
      source: edge.src,
      target: edge.dst,
      type: 'call' as const,
      data: {
        bends: layout.bends.get(edgeId(edge)) ?? [],
        text: [rate, errors].filter((part) => part !== '').join('\n'),
        failing,
      },
      style: { stroke: color, strokeWidth: edgeWidth(edge.rps, busiest) },
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

/** From the right side of one box to the left side of another, level through each place kept free between them. */
function CallLine(props: EdgeProps<Call>) {
  const { sourceX, sourceY, targetX, targetY, data } = props;
  const stations: [number, number][] = [[sourceX, sourceY]];
  for (const bend of data?.bends ?? []) {
    const y = bend.y + box.height / 2;
    const across: [number, number][] = [
      [bend.x, y],
      [bend.x + box.width, y],
    ];
    stations.push(...(targetX < sourceX ? across.toReversed() : across));
  }
  stations.push([targetX, targetY]);
  const path = smoothPath(stations);
  const middle = data?.bends.length ? stations[1] : [(sourceX + targetX) / 2, (sourceY + targetY) / 2];
  return (
    <>
      <BaseEdge path={path} style={props.style} markerEnd={props.markerEnd} />
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

/** Level where it leaves and where it arrives, at every station. */
function smoothPath(stations: readonly [number, number][]): string {
  let path = '';
  let before: [number, number] | undefined;
  for (const [x, y] of stations) {
    if (before === undefined) path = `M${x} ${y}`;
    else {
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
      className={`map-node ${node.health} type-${node.type} ${data.chosen ? 'chosen' : ''}`}
      data-testid="map-node"
      data-service={node.service}
      data-health={node.health}
    >
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <p className="map-node-name">
        <span className="clip grow" title={`${node.type} ${node.urn}`}>
          {marks[node.type]}
          {node.service}
          {data.members > 0 && ` ×${data.members}`}
        </span>
        <Health state={node.health} />
      </p>
      <p className="map-node-figures">
        <span title={t('map.requests')}>{formatRate(node.rps)}</span>
        <span className={failed ? 'bad' : ''} title={t('map.errors')}>
          {formatRatio(node.error_rate)}
        </span>
        <span title={t('map.p95')}>{formatMs(node.p95_ms)}</span>
      </p>
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  );
}

/** What is not one of our services, by a sign before its name. */
const marks: Record<string, string> = { database: '⛁ ', external: '↗ ', host: '▣ ' };

const edgeTypes = { call: CallLine };
const nodeTypes = { service: ServiceBox };
const fit = { padding: 0.12, maxZoom: 1.1, duration: 0 };

export function MapCanvas(props: {
  graph: Grouped;
  selected: string | undefined;
  select: (urn: string | undefined) => void;
}) {
  const { graph, selected } = props;
  const [flow, setFlow] = useState<ReactFlowInstance<Box, Call> | null>(null);
  const layout = useMemo(() => layOut(graph, spacing), [graph]);
  const nodes = useMemo(() => boxesOf(graph, layout, selected), [graph, layout, selected]);
  const edges = useMemo(() => linesOf(graph, layout, selected), [graph, layout, selected]);
  // What is drawn decides the view: new figures of the same services must not move it under the eyes.
  const members = nodes.map((node) => node.id).join(' ');
  useEffect(() => {
    if (flow === null || members === '') return;
    const frame = requestAnimationFrame(() => void flow.fitView(fit));
    return () => cancelAnimationFrame(frame);
  }, [flow, members]);
  return (
    <ReactFlow<Box, Call>
      nodes={nodes}
      edges={edges}
      nodeTypes={nodeTypes}
      edgeTypes={edgeTypes}
      onInit={setFlow}
      onNodeClick={(_, node) => props.select(node.id)}
      onPaneClick={() => props.select(undefined)}
      fitView
      fitViewOptions={fit}
      minZoom={0.2}
      maxZoom={1.6}
      nodesDraggable={false}
      nodesConnectable={false}
      elementsSelectable={false}
      proOptions={{ hideAttribution: true }}
    />
  );
}
