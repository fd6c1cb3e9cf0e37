import { getRouteApi, Link } from '@tanstack/react-router';
import { useT } from '../../i18n/index.tsx';
import { formatMs, formatRate, formatRatio } from '../../model/format.ts';
import type { Grouped, MapEdge, MapNode } from '../../model/maplayout.ts';
import { Health } from '../../panel/bits.tsx';
import type { Lit } from './canvas.tsx';

const route = getRouteApi('/map');

/** What is lit for the chosen one. */
export interface Impact {
  lit: Lit;
  up: ReadonlyMap<string, number>;
  down: ReadonlyMap<string, number>;
  /** The way to `target`; null when there is none, undefined when none was asked for. */
  way: string[] | null | undefined;
  target: string | undefined;
}

export function NodeSide(props: {
  graph: Grouped | undefined;
  urn: string | undefined;
  impact: Impact | undefined;
}) {
  const t = useT();
  const node = props.graph?.nodes.find((each) => each.urn === props.urn);
  if (node === undefined || props.graph === undefined) {
    return (
      <aside className="side">
        <p className="dim">{t('map.choose')}</p>
        <p className="dim">{t('map.choose.way')}</p>
      </aside>
    );
  }
  const members = props.graph.members.get(node.urn);
  return (
    <aside className="side" data-testid="map-side">
      <h2>{node.service}</h2>
      {node.type === 'outside' ? (
        <p className="dim">{t('map.outside.text')}</p>
      ) : (
        <p className="mono dim urn">{node.urn}</p>
      )}
      {node.status !== undefined && (
        <p className={statusClass(node.status)}>{t(`map.status.${node.status}`)}</p>
      )}
      {node.health !== 'no_data' && <Health state={node.health} />}
      {(node.rps > 0 || node.health !== 'no_data') && (
        <dl className="figures">
          <Figure name={t('map.requests')} value={formatRate(node.rps)} />
          <Figure name={t('map.errors')} value={formatRatio(node.error_rate)} bad={node.error_rate >= 0.01} />
          {node.p95_ms !== null && <Figure name={t('map.p95')} value={formatMs(node.p95_ms)} />}
        </dl>
      )}
      {members === undefined ? (
        <ServiceLinks node={node} />
      ) : (
        <Members name={node.service} members={members} />
      )}
      {props.impact !== undefined && <Reached impact={props.impact} graph={props.graph} />}
      <Calls
        title={t('map.calls')}
        edges={props.graph.edges.filter((edge) => edge.src === node.urn)}
        far="dst"
        graph={props.graph}
      />
      <Calls
        title={t('map.calledby')}
        edges={props.graph.edges.filter((edge) => edge.dst === node.urn)}
        far="src"
        graph={props.graph}
      />
    </aside>
  );
}

const Figure = ({ name, value, bad }: { name: string; value: string; bad?: boolean }) => (
  <div>
    <dt className="dim">{name}</dt>
    <dd className={bad ? 'bad' : ''}>{value}</dd>
  </div>
);

function ServiceLinks({ node }: { node: MapNode }) {
  const t = useT();
  const { focus } = route.useSearch();
  return (
    <p className="row wrap">
      {focus !== node.urn && (
        <Link
          from="/map"
          to="/map"
          search={(prev) => ({ ...prev, focus: node.urn, node: node.urn })}
          className="button small"
        >
          {t('map.focus')}
        </Link>
      )}
      {node.type === 'service' && (
        <>
          <Link to="/logs" search={{ service: [node.service] }} className="button small">
            {t('nav.logs')}
          </Link>
          <Link to="/traces" search={{ service: node.service }} className="button small">
            {t('nav.traces')}
          </Link>
          <Link to="/series" search={{ service: node.service }} className="button small">
            {t('nav.series')}
          </Link>
        </>
      )}
    </p>
  );
}

function Members({ name, members }: { name: string; members: MapNode[] }) {
  const t = useT();
  return (
    <>
      <p className="row">
        <span className="grow">{t('map.group', { n: members.length })}</span>
        <Link
          from="/map"
          to="/map"
          search={(prev) => ({ ...prev, open: [...(prev.open ?? []), name], node: undefined })}
          className="button small"
        >
          {t('map.group.open')}
        </Link>
      </p>
      <ul>
        {members.map((member) => (
          <li key={member.urn} className="row">
            <Health state={member.health} label={member.service} />
          </li>
        ))}
      </ul>
    </>
  );
}

function Calls(props: { title: string; edges: MapEdge[]; far: 'src' | 'dst'; graph: Grouped }) {
  const t = useT();
  const nameOf = (urn: string): string => props.graph.nodes.find((node) => node.urn === urn)?.service ?? urn;
  return (
    <div>
      <h3>{props.title}</h3>
      {props.edges.length === 0 && <p className="dim">{t('map.none')}</p>}
      <table className="calls">
        <tbody>
          {props.edges.map((edge) => (
            <tr key={edge[props.far]}>
              <td className="clip">
                <Link from="/map" to="/map" search={(prev) => ({ ...prev, node: edge[props.far] })} replace>
                  {nameOf(edge[props.far])}
                </Link>
              </td>
              <td className="num">{edge.rps === 0 ? edge.relation : formatRate(edge.rps)}</td>
              <td className={`num ${edge.error_rate >= 0.01 ? 'bad' : 'dim'}`}>
                {formatRatio(edge.error_rate)}
              </td>
              <td className="num">{formatMs(edge.p95_ms)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const statusClass = (status: string): string =>
  status === 'added' ? 'good' : status === 'removed' ? 'bad' : 'dim';

/** Who is affected when it fails and what it needs, the nearest first; or the way that was asked for. */
function Reached({ impact, graph }: { impact: Impact; graph: Grouped }) {
  const t = useT();
  const nameOf = (urn: string): string => graph.nodes.find((node) => node.urn === urn)?.service ?? urn;
  if (impact.target !== undefined) {
    return (
      <div data-testid="map-way">
        <h3>{t('map.way', { to: nameOf(impact.target) })}</h3>
        {impact.way === null ? (
          <p className="dim">{t('map.way.none')}</p>
        ) : (
          <p>{impact.way?.map(nameOf).join(' → ')}</p>
        )}
      </div>
    );
  }
  return (
    <>
      <Distances
        title={t('map.affected')}
        none={t('map.affected.none')}
        reached={impact.up}
        nameOf={nameOf}
        testId="map-affected"
      />
      <Distances
        title={t('map.needs')}
        none={t('map.needs.none')}
        reached={impact.down}
        nameOf={nameOf}
        testId="map-needs"
      />
    </>
  );
}

function Distances(props: {
  title: string;
  none: string;
  reached: ReadonlyMap<string, number>;
  nameOf: (urn: string) => string;
  testId: string;
}) {
  const byDistance = new Map<number, string[]>();
  for (const [urn, distance] of props.reached)
    byDistance.set(distance, [...(byDistance.get(distance) ?? []), props.nameOf(urn)]);
  return (
    <div data-testid={props.testId}>
      <h3>{props.title}</h3>
      {byDistance.size === 0 && <p className="dim">{props.none}</p>}
      {[...byDistance].map(([distance, names]) => (
        <p key={distance} className="map-reached">
          <span className="map-distance">{distance}</span>
          <span>{names.sort().join(', ')}</span>
        </p>
      ))}
    </div>
  );
}
