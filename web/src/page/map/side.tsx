import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { impactQuery } from '../../api/queries.ts';
import type { GraphAnswer } from '../../api/types.ts';
import { useT } from '../../i18n/index.tsx';
import { formatMs, formatRate, formatRatio } from '../../model/format.ts';
import type { Grouped, MapEdge, MapNode } from '../../model/maplayout.ts';
import { Health } from '../../panel/bits.tsx';

const route = getRouteApi('/map');

export function NodeSide(props: {
  graph: Grouped | undefined;
  full: GraphAnswer | undefined;
  urn: string | undefined;
}) {
  const t = useT();
  const node = props.graph?.nodes.find((each) => each.urn === props.urn);
  if (node === undefined || props.graph === undefined) {
    return (
      <aside className="side">
        <p className="dim">{t('map.choose')}</p>
      </aside>
    );
  }
  const members = props.graph.members.get(node.urn);
  return (
    <aside className="side" data-testid="map-side">
      <h2>{node.service}</h2>
      <p className="mono dim urn">{node.urn}</p>
      <Health state={node.health} />
      <dl className="figures">
        <Figure name={t('map.requests')} value={formatRate(node.rps)} />
        <Figure name={t('map.errors')} value={formatRatio(node.error_rate)} bad={node.error_rate >= 0.01} />
        <Figure name={t('map.p95')} value={formatMs(node.p95_ms)} />
      </dl>
      {members === undefined ? (
        <ServiceLinks node={node} />
      ) : (
        <Members name={node.service} members={members} />
      )}
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
      {members === undefined && <Affected urn={node.urn} />}
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
              <td className="num">{formatRate(edge.rps)}</td>
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

function Affected({ urn }: { urn: string }) {
  const t = useT();
  const query = useQuery(impactQuery(urn));
  if (query.data === undefined) return null;
  return (
    <div>
      <h3>{t('map.affected')}</h3>
      <p>
        {query.data.affected.length === 0 && <span className="dim">{t('map.affected.none')}</span>}
        {query.data.affected.map((each) => each.service).join(', ')}
      </p>
    </div>
  );
}
