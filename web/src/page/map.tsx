/** The map: who calls whom and what needs what, how much, where it fails; at any moment, and what is different. */
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useCallback, useMemo, useState } from 'react';
import { graphQuery, livePollMs, topologyQuery, topologySourcesQuery } from '../api/queries.ts';
import { useT } from '../i18n/index.tsx';
import { around, edgeId, type Graph, type Grouped, groupAbove, grouped } from '../model/maplayout.ts';
import {
  comparedCalls,
  drawnTopology,
  groupName,
  joinedGraphs,
  layers,
  reach,
  wayBetween,
  withOutside,
} from '../model/topology.ts';
import { Empty, Problem, Skeleton } from '../panel/bits.tsx';
import { useFrame } from '../panel/frame.ts';
import { useKeys } from '../panel/keys.ts';
import { HowToSend } from '../panel/widen.tsx';
import { MapCanvas } from './map/canvas.tsx';
import { CypherPanel } from './map/cypher.tsx';
import { type Impact, NodeSide } from './map/side.tsx';
import { TimeSlider } from './map/slider.tsx';
import './map/map.css';

const route = getRouteApi('/map');
/** Ten minutes: what the graph of active calls holds. */
const windowS = 600;
const hopsDefault = 2;

export function MapPage() {
  const t = useT();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const patch = useCallback(
    (more: Partial<typeof search>): void =>
      void navigate({ search: (prev) => ({ ...prev, ...more }), replace: true }),
    [navigate],
  );
  const { graph, error, retry, waiting, truncated } = useMapGraph();
  const { focus, node, target, hops = hopsDefault, open: opened } = search;
  const shown = useMemo<Grouped | undefined>(() => {
    if (graph === undefined) return undefined;
    const known = focus !== undefined && graph.nodes.some((each) => each.urn === focus);
    const near = known ? around(graph, focus, hops) : graph;
    return grouped(near, new Set(opened ?? []), groupAbove, groupName);
  }, [graph, focus, hops, opened]);
  const lit = useMemo(() => litOf(shown, node, target), [shown, node, target]);
  const select = (urn: string | undefined, far: boolean): void => {
    if (far && urn !== undefined && node !== undefined && urn !== node) patch({ target: urn });
    else patch({ node: urn, target: undefined });
  };
  const [asking, setAsking] = useState(false);
  useKeys({ Escape: () => select(undefined, false) });
  return (
    <div className="map-page" data-testid="page-map">
      <header className="page-head map-head">
        <h1>{t('map.title')}</h1>
        <LayerChoice />
        <FocusBar />
        <span className="grow" />
        <button
          type="button"
          className="button small"
          aria-pressed={asking}
          onClick={() => setAsking(!asking)}
          data-testid="map-cypher-open"
        >
          Cypher
        </button>
      </header>
      <TimeSlider
        at={search.at}
        since={search.since}
        span={search.span ?? '1h'}
        set={patch}
        setSpan={(span) => patch({ span: span === '1h' ? undefined : span })}
      />
      {asking && <CypherPanel close={() => setAsking(false)} />}
      <div className="map-body">
        <div className="map-canvas">
          {error !== null && graph === undefined && <Problem error={error} retry={retry} />}
          {waiting && <Skeleton rows={8} height={24} />}
          {shown?.nodes.length === 0 && <EmptyMap />}
          {shown !== undefined && shown.nodes.length > 0 && (
            <MapCanvas graph={shown} selected={node} lit={lit?.lit} select={select} />
          )}
          {truncated && <p className="map-truncated">{t('map.truncated')}</p>}
          <Legend comparing={search.since !== undefined} lit={lit !== undefined} />
        </div>
        <NodeSide graph={shown} urn={node} impact={lit} />
      </div>
    </div>
  );
}

/** The calls of the moment, what is declared, or both; with what is different when two moments are compared. */
function useMapGraph() {
  const { at, since, layer = 'calls' } = route.useSearch();
  const { poll } = useFrame();
  const outside = useT()('map.outside');
  // Compared is always the later one with the earlier one, whichever way round they were set.
  const swapped = since !== undefined && at !== undefined && since > at;
  const [earlier, later] = swapped ? [at, since] : [since, at];
  const withCalls = layer !== 'declared';
  const calls = useQuery({ ...graphQuery(later, windowS, poll(livePollMs)), enabled: withCalls });
  const before = useQuery({
    ...graphQuery(earlier, windowS, false),
    enabled: withCalls && earlier !== undefined,
  });
  const topology = useQuery(topologyQuery({ at: later, since: earlier }, declared, layer !== 'calls'));
  const graph = useMemo((): Graph | undefined => {
    const stands = withCalls ? calls.data : { nodes: [], edges: [] };
    if (stands === undefined || (earlier !== undefined && withCalls && before.data === undefined))
      return undefined;
    const called =
      earlier === undefined || before.data === undefined ? stands : comparedCalls(before.data, stands);
    if (layer === 'calls') return withOutside(called, outside);
    if (topology.data === undefined) return undefined;
    const both = joinedGraphs(called, drawnTopology(topology.data, withCalls ? stands : undefined));
    return withOutside(both, outside);
  }, [layer, withCalls, earlier, calls.data, before.data, topology.data, outside]);
  const failed = [calls, before, topology].find((query) => query.error !== null);
  return {
    graph,
    error: failed?.error ?? null,
    retry: () => void failed?.refetch(),
    waiting: graph === undefined && failed === undefined,
    truncated: layer !== 'calls' && topology.data?.truncated === true,
  };
}

const declared = ['DEPENDS_ON', 'RUNS_ON', 'ROUTES_TO', 'USES', 'SCALES', 'CONTAINS', 'OWNS'];

/** Who is affected when the chosen one fails, and what it needs; or the way to the other one that was chosen. */
function litOf(
  graph: Grouped | undefined,
  node: string | undefined,
  target: string | undefined,
): Impact | undefined {
  if (graph === undefined || node === undefined || !graph.nodes.some((one) => one.urn === node))
    return undefined;
  if (target !== undefined && graph.nodes.some((one) => one.urn === target)) {
    const way = wayBetween(graph, node, target);
    const distance = new Map((way ?? [node, target]).map((urn, index) => [urn, index]));
    const pairs = new Set((way ?? []).slice(1).map((urn, index) => `${way?.[index]} ${urn}`));
    const lines = new Set(graph.edges.map(edgeId).filter((id) => pairs.has(id)));
    return { way, target, up: new Map(), down: new Map(), lit: { distance, lines } };
  }
  const up = reach(graph, node, 'up');
  const down = reach(graph, node, 'down');
  const distance = new Map([...down, ...up]);
  const within = (urns: ReadonlyMap<string, number>, urn: string) => urn === node || urns.has(urn);
  const lines = new Set(
    graph.edges
      .filter(
        (edge) =>
          (within(up, edge.src) && within(up, edge.dst)) ||
          (within(down, edge.src) && within(down, edge.dst)),
      )
      .map(edgeId),
  );
  return { way: undefined, target: undefined, up, down, lit: { distance, lines } };
}

function LayerChoice() {
  const t = useT();
  const { layer = 'calls' } = route.useSearch();
  const navigate = route.useNavigate();
  return (
    <fieldset className="segmented" aria-label={t('map.layer')}>
      {layers.map((one) => (
        <button
          type="button"
          key={one}
          aria-pressed={one === layer}
          onClick={() =>
            void navigate({ search: (prev) => ({ ...prev, layer: one === 'calls' ? undefined : one }) })
          }
          data-testid={`map-layer-${one}`}
        >
          {t(`map.layer.${one}`)}
        </button>
      ))}
    </fieldset>
  );
}

function Legend({ comparing, lit }: { comparing: boolean; lit: boolean }) {
  const t = useT();
  return (
    <p className="map-legend dim" data-testid="map-legend">
      {comparing ? (
        <>
          <i className="line added" /> {t('map.status.added')} <i className="line removed" />{' '}
          {t('map.status.removed')} <i className="line" /> {t('map.status.kept')}
        </>
      ) : (
        t('map.legend')
      )}
      {lit && ` ${t('map.legend.lit')}`}
    </p>
  );
}

function EmptyMap() {
  const t = useT();
  const { layer = 'calls', since } = route.useSearch();
  const sources = useQuery({ ...topologySourcesQuery(), enabled: layer !== 'calls' });
  if (layer === 'calls')
    return (
      <Empty title={t(since === undefined ? 'map.empty' : 'map.empty.both')}>
        <p>{t('map.empty.text')}</p>
        <HowToSend />
      </Empty>
    );
  const broken = (sources.data ?? []).flatMap((source) => source.problems);
  return (
    <Empty title={t('map.empty.declared')}>
      <p>{t('map.empty.declared.text')}</p>
      {broken.map((one) => (
        <p key={`${one.file} ${one.where}`} className="bad mono">
          {[one.file, one.where, one.what].filter((part) => part !== '').join(': ')}
        </p>
      ))}
    </Empty>
  );
}

function FocusBar() {
  const t = useT();
  const { focus, hops, open } = route.useSearch();
  const navigate = route.useNavigate();
  return (
    <>
      {focus !== undefined && (
        <span className="row">
          <span className="chip">
            <b className="clip">{focus.replace(/^urn:\w+:/, '')}</b>
            <button
              type="button"
              aria-label={t('map.unfocus')}
              title={t('map.unfocus')}
              onClick={() =>
                void navigate({ search: (prev) => ({ ...prev, focus: undefined, hops: undefined }) })
              }
              data-testid="map-unfocus"
            >
              ✕
            </button>
          </span>
          <label className="inline-field">
            {t('map.hops')}
            <select
              value={hops ?? hopsDefault}
              onChange={(event) =>
                void navigate({
                  search: (prev) => ({ ...prev, hops: Number(event.target.value) }),
                  replace: true,
                })
              }
            >
              {[1, 2, 3, 4].map((n) => (
                <option key={n}>{n}</option>
              ))}
            </select>
          </label>
        </span>
      )}
      {(open?.length ?? 0) > 0 && (
        <button
          type="button"
          className="button small"
          onClick={() => void navigate({ search: (prev) => ({ ...prev, open: undefined }) })}
        >
          {t('map.group.close')}
        </button>
      )}
    </>
  );
}
