/** A few services and their calls as plain SVG; the large map has its own page. */
import { urnName } from '../../../src/model/urn.ts';
import { useWords } from '../i18n/index.tsx';
import { callId, type ExplainedPath } from '../model/explained.ts';
import { layOut } from '../model/maplayout.ts';

export interface SmallNode {
  service: string;
  health: string;
}

const cell = { x: 168, y: 40 };
const box = { width: 124, height: 28 };

/** Services go by their name, anything else by the end of its URN. */
export const shortName = (name: string): string => (name.startsWith('urn:') ? urnName(name) : name);

const clipped = (name: string): string => (name.length > 17 ? `${name.slice(0, 16)}…` : name);

export function SmallMap(props: {
  nodes: readonly SmallNode[];
  edges: readonly { from: string; to: string; failing: boolean }[];
  /** The way that stands out; what is not on it steps back. */
  path: ExplainedPath;
  label: string;
  onOpen: (service: string) => void;
}) {
  const { word } = useWords();
  const { path } = props;
  const { nodes: placed } = layOut(
    {
      nodes: props.nodes.map((node) => ({ urn: node.service })),
      edges: props.edges.map((edge) => ({ src: edge.from, dst: edge.to })),
    },
    cell,
  );
  const at = new Map(placed.map((node) => [node.urn, node]));
  const width = Math.max(...placed.map((node) => node.x), 0) + box.width + 8;
  const height = Math.max(...placed.map((node) => node.y), 0) + box.height + 8;
  return (
    <svg
      className="smallmap"
      viewBox={`-4 -4 ${width} ${height}`}
      style={{ maxWidth: width * 1.1 }}
      role="img"
      aria-label={props.label}
    >
      <defs>
        <marker
          id="small-arrow"
          viewBox="0 0 6 6"
          refX="6"
          refY="3"
          markerUnits="userSpaceOnUse"
          markerWidth="8"
          markerHeight="8"
          orient="auto"
        >
          <path d="M0 0 L6 3 L0 6 Z" />
        </marker>
      </defs>
      {props.edges.map((edge) => {
        const from = at.get(edge.from);
        const to = at.get(edge.to);
        if (from === undefined || to === undefined) return null;
        const x1 = from.x + box.width;
        const y1 = from.y + box.height / 2;
        const y2 = to.y + box.height / 2;
        return (
          <path
            key={`${edge.from} ${edge.to}`}
            className={`smallmap-edge ${edge.failing ? 'failing' : ''} ${path.edges.has(callId(edge)) ? 'on-way' : 'off-way'}`}
            data-testid={path.edges.has(callId(edge)) ? 'path-edge' : undefined}
            markerEnd="url(#small-arrow)"
            d={`M${x1} ${y1} C${x1 + 22} ${y1} ${to.x - 22} ${y2} ${to.x} ${y2}`}
          />
        );
      })}
      {props.nodes.map((node) => {
        const spot = at.get(node.service);
        if (spot === undefined) return null;
        return (
          // biome-ignore lint/a11y/useSemanticElements: a button can't stand inside an SVG
          <g
            key={node.service}
            transform={`translate(${spot.x} ${spot.y})`}
            className={`smallmap-node ${node.health} ${node.service === path.cause ? 'marked' : ''} ${path.cause === undefined || path.nodes.has(node.service) ? '' : 'off-way'}`}
            data-testid={node.service === path.cause ? 'path-cause' : undefined}
            role="button"
            tabIndex={0}
            onClick={() => props.onOpen(node.service)}
            onKeyDown={(event) => event.key === 'Enter' && props.onOpen(node.service)}
          >
            <title>{`${node.service}: ${word('health', node.health)}`}</title>
            <rect width={box.width} height={box.height} rx="4" />
            <text x={box.width / 2} y="18" textAnchor="middle">
              {clipped(shortName(node.service))}
            </text>
          </g>
        );
      })}
    </svg>
  );
}
