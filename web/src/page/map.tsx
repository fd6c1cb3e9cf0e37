/** The map: who calls whom, how much, where it fails; now or at a moment of the last hour. */
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useMemo } from 'react';
import { graphQuery, livePollMs } from '../api/queries.ts';
import { useT } from '../i18n/index.tsx';
import { formatLength } from '../model/format.ts';
import { around, type Grouped, grouped } from '../model/maplayout.ts';
import { Empty, Problem, Skeleton } from '../panel/bits.tsx';
import { useFrame } from '../panel/frame.ts';
import { useKeys } from '../panel/keys.ts';
import { MapCanvas } from './map/canvas.tsx';
import { NodeSide } from './map/side.tsx';
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
  const { poll } = useFrame();
  const query = useQuery(graphQuery(search.at, windowS, poll(livePollMs)));
  const { focus, node } = search;
  const hops = search.hops ?? hopsDefault;
  const opened = search.open;
  const shown = useMemo<Grouped | undefined>(() => {
    if (query.data === undefined) return undefined;
    const known = focus !== undefined && query.data.nodes.some((each) => each.urn === focus);
    return grouped(known ? around(query.data, focus, hops) : query.data, new Set(opened ?? []));
  }, [query.data, focus, hops, opened]);
  const select = (urn: string | undefined): void =>
    void navigate({ search: (prev) => ({ ...prev, node: urn }), replace: true });
  useKeys({ Escape: () => select(undefined) });
  return (
    <div className="map-page" data-testid="page-map">
      <header className="page-head map-head">
        <h1>{t('map.title')}</h1>
        <TimeSlider
          at={search.at}
          set={(at) => void navigate({ search: (prev) => ({ ...prev, at }), replace: true })}
        />
        <span className="dim">{t('map.window', { span: formatLength(windowS * 1_000) })}</span>
        <FocusBar />
      </header>
      <div className="map-body">
        <div className="map-canvas">
          {query.error !== null && query.data === undefined && (
            <Problem error={query.error} retry={() => void query.refetch()} />
          )}
          {shown === undefined && query.error === null && <Skeleton rows={8} height={24} />}
          {shown?.nodes.length === 0 && (
            <Empty title={t('map.empty')}>
              <p>{t('map.empty.text')}</p>
            </Empty>
          )}
          {shown !== undefined && shown.nodes.length > 0 && (
            <MapCanvas graph={shown} selected={node} select={select} />
          )}
          <p className="map-legend dim">{t('map.legend')}</p>
        </div>
        <NodeSide graph={shown} full={query.data} urn={node} />
      </div>
    </div>
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
