/** One pattern in full: counts over time, messages, attributes, and what a person can correct. */
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { type PatternDetail, patternQuery } from '../../api/patterns.ts';
import { livePollMs } from '../../api/queries.ts';
import { useWords } from '../../i18n/index.tsx';
import { now } from '../../model/clock.ts';
import { formatCount, formatLength, formatNear } from '../../model/format.ts';
import type { Window } from '../../model/range.ts';
import { CopyButton, Problem, Severity, Skeleton } from '../../panel/bits.tsx';
import type { Frame } from '../../panel/frame.ts';
import { Histogram } from '../../panel/histogram.tsx';
import { ServiceName } from '../../panel/service.tsx';
import { CorrectionLine } from './changes.tsx';
import { RenameForm, SplitForm } from './forms.tsx';
import { Template } from './template.tsx';

export function PatternSide(props: {
  frame: Frame;
  id: string;
  close: () => void;
  show: (id: string) => void;
}) {
  const { t } = useWords();
  const query = useQuery(patternQuery(props.frame.frame, props.id, props.frame.poll(2 * livePollMs)));
  const found = query.data;
  return (
    <aside className="side patterns-side" data-testid="pattern-detail">
      <div className="side-head">
        <h2 className="grow">
          {found
            ? found.data.name || `${t('pat.detail.loading')} ${found.data.pattern_id}`
            : t('pat.detail.loading')}
        </h2>
        <button
          type="button"
          className="button quiet small"
          onClick={props.close}
          aria-label={t('action.close')}
        >
          ✕
        </button>
      </div>
      {query.error !== null && <Problem error={query.error} retry={() => void query.refetch()} />}
      {found === undefined && query.error === null && <Skeleton rows={10} />}
      {found && (
        <Detail
          key={found.data.pattern_id}
          detail={found.data}
          window={found.window}
          frame={props.frame}
          show={props.show}
        />
      )}
    </aside>
  );
}

function Detail(props: { detail: PatternDetail; window: Window; frame: Frame; show: (id: string) => void }) {
  const { t } = useWords();
  const { detail, frame } = props;
  const [naming, setNaming] = useState(false);
  const hint = t('pat.detail.series', { span: formatLength(detail.series.step_ms) });
  return (
    <>
      <p className="row wrap">
        <Severity severity={detail.severity} />
        {detail.pinned && <span className="tag">{t('pat.pinned')}</span>}
        <span className="dim">
          {t('pat.detail.seen', {
            first: formatNear(detail.first_seen ?? 0, now()),
            last: formatNear(detail.last_seen ?? 0, now()),
          })}
        </span>
      </p>
      <p className="code pattern-whole">
        <Template text={detail.template} />
      </p>
      <div className="row wrap">
        <Link
          className="button"
          to="/logs"
          search={(prev) => ({ range: prev.range, from: prev.from, to: prev.to, pattern: detail.pattern_id })}
          data-testid="pattern-logs"
        >
          {t('pat.detail.logs')} →
        </Link>
        <button type="button" className="button" onClick={() => setNaming(true)} data-testid="pattern-rename">
          {t('pat.detail.rename')}
        </button>
        <CopyButton text={detail.template} />
      </div>
      <div className="patterns-chart">
        <Histogram
          histogram={detail.series}
          window={props.window}
          label={hint}
          hint={hint}
          onZoom={frame.zoom}
        />
      </div>
      <Levels severities={detail.severities} />
      <EventLines detail={detail} />
      <Shapes detail={detail} show={props.show} />
      <Attributes attributes={detail.attributes} />
      <h3>{t('pat.detail.services')}</h3>
      <ul className="patterns-services">
        {detail.services.map((each) => (
          <li key={each.service} className="row">
            <ServiceName name={each.service} />
            <span className="grow" />
            <span className="dim mono">
              {formatNear(each.first_seen, now())} … {formatNear(each.last_seen, now())}
            </span>
          </li>
        ))}
      </ul>
      {detail.merged.length > 0 && <h3>{t('pat.detail.merged')}</h3>}
      {detail.merged.map((each) => (
        <p key={each.pattern_id}>
          <span className="dim">{each.pattern_id}</span> <Template text={each.template} />
        </p>
      ))}
      {detail.corrections.length > 0 && <h3>{t('pat.tab.changes')}</h3>}
      {detail.corrections.map((each) => (
        <CorrectionLine key={each.id} correction={each} />
      ))}
      {naming && <RenameForm id={detail.pattern_id} name={detail.name} close={() => setNaming(false)} />}
    </>
  );
}

const Levels = ({ severities }: { severities: Record<string, number> }) => (
  <p className="row wrap">
    {Object.entries(severities).map(([severity, count]) => (
      <span key={severity}>
        <Severity severity={severity} /> {formatCount(count)}
      </span>
    ))}
  </p>
);

function EventLines({ detail }: { detail: PatternDetail }) {
  const { t, word } = useWords();
  if (detail.events.length === 0) return null;
  return (
    <ul>
      {detail.events.map((event) => (
        <li key={event.event_id}>
          <span className="tag new">{word('pat.event', event.change)}</span>{' '}
          <Link to="." search={(prev) => ({ ...prev, event: event.event_id })} data-testid="pattern-event">
            {formatNear(event.at, now())}
          </Link>{' '}
          <span className="dim">
            {t('pat.event.usual', { n: formatCount(event.count), usual: formatCount(event.usual) })}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Shapes({ detail, show }: { detail: PatternDetail; show: (id: string) => void }) {
  const { t } = useWords();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [splitting, setSplitting] = useState(false);
  const toggle = (shape: string): void => {
    const next = new Set(chosen);
    if (!next.delete(shape)) next.add(shape);
    setChosen(next);
  };
  const many = detail.shapes_total > 1;
  return (
    <>
      <div className="row">
        <h3 className="grow">
          {t('pat.detail.shapes', { shown: detail.shapes.length, total: detail.shapes_total })}
        </h3>
        {many && chosen.size > 0 && (
          <button
            type="button"
            className="button small"
            onClick={() => setSplitting(true)}
            data-testid="pattern-split"
          >
            {t('pat.detail.split', { n: chosen.size })}
          </button>
        )}
      </div>
      {detail.shapes.length === 0 && <p className="dim">{t('pat.detail.shapes.none')}</p>}
      {many && detail.shapes.length > 0 && <p className="dim">{t('pat.detail.shapes.hint')}</p>}
      <ul className="patterns-shapes">
        {detail.shapes.map((each) => (
          <li key={each.shape} data-testid="pattern-shape">
            {many && (
              <input
                type="checkbox"
                aria-label={t('pat.select', { name: each.message })}
                checked={chosen.has(each.shape)}
                onChange={() => toggle(each.shape)}
              />
            )}
            <Link
              to="/logs"
              search={(prev) => ({
                range: prev.range,
                from: prev.from,
                to: prev.to,
                pattern: `s${each.shape}`,
              })}
              className="mono patterns-message"
            >
              {each.message}
            </Link>
            <span className="num">{formatCount(each.count)}</span>
          </li>
        ))}
      </ul>
      {splitting && (
        <SplitForm
          id={detail.pattern_id}
          shapes={[...chosen]}
          close={() => setSplitting(false)}
          done={(id) => id && show(id)}
        />
      )}
    </>
  );
}

function Attributes({ attributes }: { attributes: Record<string, string> }) {
  const { t, word } = useWords();
  const entries = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
  return (
    <>
      <h3>{t('pat.detail.attributes')}</h3>
      {entries.length === 0 && <p className="dim">{t('pat.detail.attributes.none')}</p>}
      <dl className="keyvalues">
        {entries.map(([key, type]) => (
          <div key={key}>
            <dt className="mono">{key}</dt>
            <dd>{word('pat.type', type)}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
