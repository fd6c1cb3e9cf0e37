import {
  type Edge,
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
import { edgeWidth, type Grouped, layOut, type MapEdge, type MapNode } from '../../model/maplayout.ts';
import { Health } from '../../panel/bits.tsx';

const spacing = { x: 250, y: 84 };
/** From this share of failed calls an edge is drawn red. */
const failingFrom = 0.05;

type Box = Node<{ node: MapNode; members: number; chosen: boolean }, 'service'>;

function boxesOf(graph: Grouped, selected: string | undefined): Box[] {
  const byUrn = new Map(graph.nodes.map((node) => [node.urn, node]));
  return layOut(graph, spacing).flatMap((spot) => {
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

const touches = (edge: MapEdge, urn: string | undefined): boolean => edge.src === urn || edge.dst === urn;

function linesOf(graph: Grouped, selected: string | undefined): Edge[] {
  const busiest = Math.max(...graph.edges.map((edge) => edge.rps), 0);
  return graph.edges.map((edge) => {
    const failing = edge.error_rate >= failingFrom;
    const near = touches(edge, selected);
    const color = failing ? 'var(--red)' : near ? 'var(--blue)' : 'var(--control)';
    return {
      id: `${edge.src} ${edge.dst}`,
      source: edge.src,
      target: edge.dst,
      type: 'default',
      style: { stroke: color, strokeWidth: edgeWidth(edge.rps, busiest) },
      markerEnd: {
        type: MarkerType.ArrowClosed,
        color,
        width: 14,
        height: 14,
        markerUnits: 'userSpaceOnUse',
      },
      ...(near || failing
        ? {
            label: `${formatRate(edge.rps)}${edge.error_rate > 0 ? ` · ${formatRatio(edge.error_rate)}` : ''}`,
            labelBgStyle: { fill: 'var(--bg)' },
            labelStyle: { fill: failing ? 'var(--red)' : 'var(--dim)' },
          }
        : {}),
      focusable: false,
      selectable: false,
    };
  });
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
        <span className="clip" title={node.urn}>
          {node.service}
        </span>
        {data.members > 0 && <span className="tag">{data.members}</span>}
        {data.members === 0 && node.type !== 'service' && <span className="tag">{node.type}</span>}
      </p>
      <p className="map-node-figures">
        <Health state={node.health} />
        <span>{formatRate(node.rps)}</span>
        <span className={failed ? 'bad' : ''} title={t('map.errors')}>
          {formatRatio(node.error_rate)}
        </span>
        <span title={t('map.p95')}>{formatMs(node.p95_ms)}</span>
      </p>
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  );
}

const nodeTypes = { service: ServiceBox };
const fit = { padding: 0.12, maxZoom: 1.1, duration: 0 };

export function MapCanvas(props: {
  graph: Grouped;
  selected: string | undefined;
  select: (urn: string | undefined) => void;
}) {
  const { graph, selected } = props;
  const [flow, setFlow] = useState<ReactFlowInstance<Box, Edge> | null>(null);
  const nodes = useMemo(() => boxesOf(graph, selected), [graph, selected]);
  const edges = useMemo(() => linesOf(graph, selected), [graph, selected]);
  // What is drawn decides the view: new figures of the same services must not move it under the eyes.
  const members = nodes.map((node) => node.id).join(' ');
  useEffect(() => {
    if (flow === null || members === '') return;
    const frame = requestAnimationFrame(() => void flow.fitView(fit));
    return () => cancelAnimationFrame(frame);
  }, [flow, members]);
  return (
    <ReactFlow<Box, Edge>
      nodes={nodes}
      edges={edges}
      nodeTypes={nodeTypes}
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
