import { Link } from '@tanstack/react-router';
import type { LogRow } from '../../api/types.ts';
import { useWords } from '../../i18n/index.tsx';
import { prettyBody } from '../../model/body.ts';
import { formatMoment } from '../../model/format.ts';
import { CopyButton, KeyValues, Severity, type ValueClick } from '../../panel/bits.tsx';

const aroundMs = 30_000;

export function LineDetail({ row, pick, close }: { row: LogRow; pick: ValueClick; close: () => void }) {
  const { t } = useWords();
  const body = prettyBody(row.body);
  return (
    <aside className="side" data-testid="log-detail">
      <div className="side-head">
        <h2 className="grow">{t('logs.detail')}</h2>
        <CopyButton text={row.body} />
        <button type="button" className="button quiet small" onClick={close} aria-label={t('action.close')}>
          ✕
        </button>
      </div>
      <p className="row wrap">
        <span className="mono">{formatMoment(row.at, true)}</span>
        <Severity severity={row.severity} />
        <button
          type="button"
          className="value"
          onClick={(event) => pick('service', row.service, event.altKey)}
        >
          {row.service}
        </button>
      </p>
      <pre className="code">{body}</pre>
      <DetailLinks row={row} />
      <h3>{t('logs.detail.attributes')}</h3>
      <KeyValues values={row.attributes} onPick={pick} />
      <h3>{t('logs.detail.resource')}</h3>
      <KeyValues values={row.resource} onPick={pick} />
      {row.scope !== '' && (
        <>
          <h3>{t('logs.detail.scope')}</h3>
          <p className="mono">{row.scope}</p>
        </>
      )}
    </aside>
  );
}

function DetailLinks({ row }: { row: LogRow }) {
  const { t } = useWords();
  return (
    <ul className="detail-links">
      {row.trace_id !== '' && (
        <>
          <li>
            <Link
              to="/traces/$traceId"
              params={{ traceId: row.trace_id }}
              search={row.span_id === '' ? {} : { span: row.span_id }}
              data-testid="log-trace"
            >
              {t('logs.detail.trace')} →
            </Link>
          </li>
          <li>
            <Link to="/logs" search={{ trace_id: row.trace_id }}>
              {t('logs.detail.tracelogs')}
            </Link>
          </li>
        </>
      )}
      {row.pattern_id !== null && (
        <li>
          <Link to="/logs" search={{ pattern: row.pattern_id }}>
            {t('logs.detail.pattern')}
          </Link>
        </li>
      )}
      <li>
        <Link
          to="/logs"
          search={{
            service: [row.service],
            from: row.at - aroundMs,
            to: row.at + aroundMs,
            line: row.event_id,
          }}
        >
          {t('logs.detail.around')}
        </Link>
      </li>
    </ul>
  );
}
