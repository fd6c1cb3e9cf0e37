/** The map around the cause: the way on which it is felt stands out; beside it what the cause explains and what not. */
import { useNavigate } from '@tanstack/react-router';
import type { CaseDetail, CaseSignal, Cause } from '../../api/types.ts';
import { useWords } from '../../i18n/index.tsx';
import { explainedPath } from '../../model/explained.ts';
import { Health, Panel, Skeleton } from '../../panel/bits.tsx';
import { SmallMap, shortName } from '../../panel/smallmap.tsx';

export function MapAround({ detail }: { detail: CaseDetail }) {
  const { t } = useWords();
  const navigate = useNavigate();
  const verdict = detail.verdict;
  const graph = verdict?.graph ?? null;
  const cause = verdict?.verdict === 'inconclusive' ? undefined : verdict?.causes[0];
  const path = explainedPath(graph ?? { nodes: [], edges: [] }, cause, verdict?.scope.services ?? []);
  const way = [...path.nodes].map(shortName);
  return (
    <Panel
      title={t('case.map')}
      testId="case-map"
      aside={
        path.cause === undefined || way.length < 2 ? undefined : t('case.map.way', { n: way.length - 1 })
      }
    >
      <div className="case-map">
        {graph === null && <Skeleton rows={3} />}
        {graph?.nodes.length === 0 && <p className="dim">{t('map.empty')}</p>}
        {graph !== null && graph.nodes.length > 0 && (
          <SmallMap
            nodes={graph.nodes}
            edges={graph.edges}
            path={path}
            label={
              path.cause === undefined
                ? t('case.map')
                : t('case.map.label', { way: way.toReversed().join(' → ') })
            }
            onOpen={(service) => {
              const urn = service.startsWith('urn:') ? service : `urn:svc:${service}`;
              void navigate({ to: '/map', search: { focus: urn, node: urn } });
            }}
          />
        )}
        {cause && <Explained cause={cause} detail={detail} />}
      </div>
    </Panel>
  );
}

/** What the first cause explains of what was noticed before it was named; what came later was not weighed. */
function Explained({ cause, detail }: { cause: Cause; detail: CaseDetail }) {
  const { t } = useWords();
  const explained = new Set(cause.explains);
  const once = [...new Map(detail.signals.map((signal) => [signal.fingerprint, signal])).values()];
  const isLater = (signal: CaseSignal): boolean => (signal.detectedAt ?? 0) > (detail.verdict?.at ?? 0);
  const weighed = once.filter((signal) => explained.has(signal.fingerprint) || !isLater(signal));
  const later = once.filter((signal) => !weighed.includes(signal));
  return (
    <div className="explained">
      <h3>{t('case.explains.title')}</h3>
      <Symptoms
        signals={weighed.filter((signal) => explained.has(signal.fingerprint))}
        state="explained"
        testId="case-explained"
      />
      <h3>{t('case.unexplained.title')}</h3>
      <Symptoms
        signals={weighed.filter((signal) => !explained.has(signal.fingerprint))}
        state="suspect"
        testId="case-unexplained"
      />
      {later.length > 0 && (
        <>
          <h3>{t('case.later.title')}</h3>
          <Symptoms signals={later} state="no_data" testId="case-later" />
        </>
      )}
    </div>
  );
}

/** One line a service. */
function Symptoms(props: { signals: CaseSignal[]; state: string; testId: string }) {
  const { t, word } = useWords();
  if (props.signals.length === 0) return <p className="dim">{t('case.explains.none')}</p>;
  const byService = new Map<string, Set<string>>();
  for (const { service, indicator } of props.signals)
    byService.set(service, (byService.get(service) ?? new Set()).add(word('indicator', indicator)));
  return (
    <ul data-testid={props.testId}>
      {[...byService].map(([service, indicators]) => (
        <li key={service}>
          <Health state={props.state} label={service} />
          <span className="dim"> {[...indicators].join(', ')}</span>
        </li>
      ))}
    </ul>
  );
}
