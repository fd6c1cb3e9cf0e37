import { Link } from '@tanstack/react-router';
import type { LogRow, Span, TraceDetail } from '../../api/types.ts';
import { useT } from '../../i18n/index.tsx';
import { formatMs, formatTime } from '../../model/format.ts';
import { isFailing, selfTimeUs } from '../../model/waterfall.ts';
import { KeyValues, Severity } from '../../panel/bits.tsx';
import { ServiceName } from '../../panel/service.tsx';

export function SpanDetail({ trace, span }: { trace: TraceDetail; span: Span | undefined }) {
  const t = useT();
  if (span === undefined) {
    return (
      <aside className="side">
        <p className="dim">{t('trace.choose')}</p>
      </aside>
    );
  }
  const failed = isFailing(span);
  return (
    <aside className="side" data-testid="span-detail">
      <div className="side-head">
        <h2 className="grow">
          <ServiceName name={span.service} />
        </h2>
        <Link to="/logs" search={{ service: [span.service], trace_id: trace.trace_id }}>
          {t('nav.logs')}
        </Link>
      </div>
      <p className="span-title">{span.name}</p>
      {failed && (
        <p className="bad" role="status">
          ✕ {span.status_message || span.status}
        </p>
      )}
      <dl className="span-facts">
        <Fact name={t('trace.duration')} value={formatMs(span.duration_us / 1_000)} />
        <Fact name={t('trace.self')} value={formatMs(selfTimeUs(span, trace.spans) / 1_000)} />
        <Fact name={t('trace.start')} value={`+${formatMs(span.at_us_offset / 1_000)}`} />
        <Fact name={t('trace.kind')} value={span.kind.toLowerCase()} />
      </dl>
      <SpanLogs logs={trace.logs.filter((row) => row.span_id === span.span_id)} />
      {span.events.length > 0 && (
        <>
          <h3>{t('trace.events')}</h3>
          {span.events.map((event) => (
            <div key={`${event.at_us_offset} ${event.name}`}>
              <p>
                <span className="mono dim">+{formatMs(event.at_us_offset / 1_000)}</span> {event.name}
              </p>
              <KeyValues values={event.attributes} />
            </div>
          ))}
        </>
      )}
      <h3>{t('trace.attributes')}</h3>
      <KeyValues values={span.attributes} />
      <h3>{t('trace.resource')}</h3>
      <KeyValues values={span.resource} />
    </aside>
  );
}

const Fact = ({ name, value }: { name: string; value: string }) => (
  <div>
    <dt className="dim">{name}</dt>
    <dd>{value}</dd>
  </div>
);

function SpanLogs({ logs }: { logs: LogRow[] }) {
  const t = useT();
  return (
    <>
      <h3>{t('trace.spanlogs')}</h3>
      {logs.length === 0 && <p className="dim">{t('trace.nologs')}</p>}
      <ul className="span-logs">
        {logs.map((row) => (
          <li key={row.event_id}>
            <span className="mono dim">{formatTime(row.at, true)}</span> <Severity severity={row.severity} />
            <p className="mono">{row.body}</p>
          </li>
        ))}
      </ul>
    </>
  );
}
