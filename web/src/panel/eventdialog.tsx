/** What was noticed: how far from usual, the chart that shows it, and the rows that it rests on. */
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type EventDetail, eventQuery, seriesAtQuery } from '../api/series.ts';
import { useWords } from '../i18n/index.tsx';
import { now } from '../model/clock.ts';
import { formatCount, formatIndicator, formatNear, formatSpan } from '../model/format.ts';
import type { Window } from '../model/range.ts';
import { metricOf, numberIn, saidBy } from '../model/unusual.ts';
import { Problem, Severity, Skeleton } from './bits.tsx';
import { Dialog } from './dialog.tsx';
import { EvidenceRowsOf } from './evidencerows.tsx';
import { MetricChart } from './metricchart.tsx';
import './event.css';

/** Shown before and after what was noticed. */
const before = 1_800_000;
const after = 600_000;

export default function EventDialog({ id, close }: { id: string; close: () => void }) {
  const { t, say } = useWords();
  const query = useQuery(eventQuery(id));
  const event = query.data;
  return (
    <Dialog
      title={event ? say(event.title ?? '', saidBy(event.labels)) : t('event.title')}
      close={close}
      className="event"
    >
      {query.error !== null && <Problem error={query.error} retry={() => void query.refetch()} />}
      {event === undefined && query.error === null && <Skeleton rows={8} />}
      {event && <EventBody event={event} />}
    </Dialog>
  );
}

function EventBody({ event }: { event: EventDetail }) {
  const { t, word, say } = useWords();
  const { labels } = event;
  const since = numberIn(labels, 'since') ?? event.detected_at;
  const window = { from: since - before, to: Math.min(now(), event.detected_at + after) };
  const said = saidBy(labels);
  const service = typeof labels.service === 'string' ? labels.service : '';
  return (
    <div data-testid="event-dialog">
      <p className="row wrap">
        <Severity severity={event.severity} label={word('severity', event.severity)} />
        <span>{word('signal', event.kind)}</span>
        <span className="dim">
          {t('event.times', { since: formatNear(since, now()), at: formatNear(event.detected_at, now()) })}
        </span>
        <Lasted labels={labels} since={since} />
      </p>
      {event.summary && <p>{say(event.summary, said && { ...said, code: `${said.code}.summary` })}</p>}
      <Figures labels={labels} />
      <EventChart labels={labels} window={window} />
      <h3>{t('event.evidence')}</h3>
      {event.evidence.length === 0 && <p className="dim">{t('event.evidence.none')}</p>}
      {event.evidence.map((piece) => (
        <section key={piece.evidence_id} className="event-evidence" data-testid="event-evidence">
          <p>
            <span className="tag">{word('dim', piece.dim)}</span> {piece.note !== event.summary && piece.note}
          </p>
          <EvidenceRowsOf id={piece.evidence_id} linked />
        </section>
      ))}
      {service !== '' && <Around service={service} urn={event.resource} window={window} />}
    </div>
  );
}

function Lasted({ labels, since }: { labels: Record<string, unknown>; since: number }) {
  const { t } = useWords();
  const resolved = numberIn(labels, 'resolved_at');
  if (resolved !== undefined)
    return <span className="good">{t('event.over', { span: formatSpan(resolved - since) })}</span>;
  return labels.objective ? (
    <span className="bad">{t('event.lasts', { span: formatSpan(now() - since) })}</span>
  ) : null;
}

function Figures({ labels }: { labels: Record<string, unknown> }) {
  const { t } = useWords();
  const [value, baseline] = [numberIn(labels, 'value'), numberIn(labels, 'baseline')];
  if (value === undefined || baseline === undefined) return null;
  const indicator = String(labels.indicator ?? '');
  const show = (figure: number): string =>
    labels.table === undefined ? formatIndicator(indicator, figure) : formatCount(figure);
  const score = numberIn(labels, 'score');
  return (
    <p className="event-figures">
      <span className="bad">{show(value)}</span>{' '}
      <span className="dim">
        {t('event.usual', { value: show(baseline) })}
        {score !== undefined && ` · ${t('event.score', { score: score.toFixed(2) })}`}
      </span>
    </p>
  );
}

function EventChart({ labels, window }: { labels: Record<string, unknown>; window: Window }) {
  const { t } = useWords();
  const shown = metricOf(labels);
  const query = useQuery({
    ...seriesAtQuery(window, {
      metric: shown?.metric ?? '',
      service: shown?.service,
      stat: shown?.stat,
    }),
    enabled: shown !== null,
  });
  if (shown === null) return null;
  const look = query.data?.data;
  const line = look?.series.find((each) => shown.key === null || each.key === shown.key);
  if (look === undefined) return query.error === null ? <Skeleton rows={4} height={20} /> : null;
  return (
    <>
      {line !== undefined && (
        <MetricChart
          line={line}
          unit={look.unit}
          label={`${line.service} ${look.metric}`}
          window={window}
          stepMs={look.step_ms}
        />
      )}
      <p className="row wrap">
        {line === undefined && <span className="dim">{t('event.nochart')}</span>}
        <Link
          to="/series"
          search={{
            metric: shown.metric,
            service: shown.service,
            stat: shown.stat === 'avg' ? undefined : shown.stat,
            ...window,
          }}
          data-testid="event-metric"
        >
          {t('case.evidence.open', { page: t('nav.series') })} →
        </Link>
      </p>
    </>
  );
}

function Around({ service, urn, window }: { service: string; urn: string | null; window: Window }) {
  const { t } = useWords();
  return (
    <p className="row wrap event-around">
      <span className="dim">{t('event.around', { service })}</span>
      <Link to="/logs" search={{ service: [service], ...window }} className="button small">
        {t('nav.logs')}
      </Link>
      <Link to="/traces" search={{ service, ...window }} className="button small">
        {t('nav.traces')}
      </Link>
      {urn !== null && (
        <Link
          to="/map"
          search={{ at: Math.round(window.to), focus: urn, node: urn }}
          className="button small"
        >
          {t('nav.map')}
        </Link>
      )}
    </p>
  );
}
