import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { urnName } from '../../../../src/model/urn.ts';
import type { CaseDetail, CaseSignal, Cause, Verdict } from '../../api/types.ts';
import { useWords } from '../../i18n/index.tsx';
import { formatIndicator } from '../../model/format.ts';
import { Panel, Skeleton } from '../../panel/bits.tsx';
import { EvidenceRefs } from './refs.tsx';

export function Broke({ detail }: { detail: CaseDetail }) {
  const { t, word } = useWords();
  const verdict = detail.verdict;
  return (
    <Panel
      title={t('case.broke')}
      testId="case-causes"
      aside={
        verdict && verdict.verdict !== 'inconclusive' ? word('layer', verdict.causes[0]?.layer ?? '') : null
      }
    >
      {verdict === null ? <Searching detail={detail} /> : <Found verdict={verdict} />}
    </Panel>
  );
}

function Searching({ detail }: { detail: CaseDetail }) {
  const { t } = useWords();
  if (detail.status !== 'NEW' && detail.status !== 'ANALYZING')
    return <p className="panel-body dim">{t('case.inconclusive')}</p>;
  return (
    <>
      <p className="panel-body dim">{t('case.analysing')}</p>
      <Skeleton rows={3} />
    </>
  );
}

function Found({ verdict }: { verdict: Verdict }) {
  const { t, word, say } = useWords();
  const [first, ...others] = verdict.causes;
  return (
    <div className="panel-body">
      {verdict.verdict === 'inconclusive' && <p className="warn">{t('case.inconclusive')}</p>}
      {verdict.scope.summary !== '' && (
        <p className="dim scope">{say(verdict.scope.summary, verdict.scope)}</p>
      )}
      {first && <FirstCause cause={first} external={verdict.verdict === 'external'} />}
      <h3>{t('case.other')}</h3>
      {others.length === 0 && <p className="dim">{t('case.noother')}</p>}
      <ul>
        {others.slice(0, 5).map((cause) => (
          <li key={`${cause.resource} ${cause.kind}`}>
            <details className="hypothesis" data-testid="hypothesis">
              <summary>
                <span className="grow clip">
                  {nameOf(cause)} · {word('kind', cause.kind)}
                </span>
                <span className="cause-score">
                  <Confidence score={cause.score} /> <span className="num">{cause.score.toFixed(2)}</span>
                </span>
              </summary>
              <Reasons cause={cause} />
            </details>
          </li>
        ))}
      </ul>
    </div>
  );
}

function FirstCause({ cause, external }: { cause: Cause; external: boolean }) {
  const { t, word } = useWords();
  return (
    <div className="cause" data-testid="first-cause">
      <p className="cause-name">
        <Link to="/map" search={{ focus: cause.resource, node: cause.resource }}>
          {nameOf(cause)}
        </Link>{' '}
        · {word('kind', cause.kind)}
        <span className="cause-score">
          <Confidence score={cause.score} /> {t('case.sure', { p: cause.score.toFixed(2) })}
        </span>
      </p>
      <p className="mono dim urn">{cause.resource}</p>
      {external && <p className="warn">{t('case.external', { service: nameOf(cause) })}</p>}
      <Reasons cause={cause} />
    </div>
  );
}

function Reasons({ cause }: { cause: Cause }) {
  const { say } = useWords();
  return (
    <ul className="reasons">
      {cause.reasons.map((reason) => (
        <li key={reason.text}>
          {say(reason.text, reason)} <EvidenceRefs refs={reason.evidence} />
        </li>
      ))}
    </ul>
  );
}

/** Those that carry a verdict; the rest is one click away. */
const signalsFirst = 6;

/** The resource, not the service that saw it: a database or an outside peer is to blame itself. */
const nameOf = (cause: Cause): string => urnName(cause.resource) || cause.service;

const Confidence = ({ score }: { score: number }) => (
  <svg viewBox="0 0 40 6" className="confidence" aria-hidden="true">
    <rect width="40" height="6" rx="3" className="confidence-all" />
    <rect width={Math.max(2, 40 * Math.min(1, score))} height="6" rx="3" className="confidence-is" />
  </svg>
);

/** The summary is said by the code of the title with `.summary`. */
const summarySaid = ({ code, params }: CaseSignal) => ({ code: `${code ?? ''}.summary`, params });

/** What was noticed, newest last; each leads to its event with the rows behind it. */
export function Signals({ detail }: { detail: CaseDetail }) {
  const { t, say } = useWords();
  const [all, setAll] = useState(false);
  if (detail.signals.length === 0) return null;
  const shown = all ? detail.signals : detail.signals.slice(0, signalsFirst);
  return (
    <Panel title={t('case.signals')} aside={detail.signals.length} testId="case-signals">
      <ul className="panel-body">
        {shown.map((signal, i) => (
          <li key={signal.event_id ?? `${signal.fingerprint} ${i}`} className="row">
            <SignalName signal={signal} title={say(signal.summary, summarySaid(signal))} />
            {signal.indicator !== 'alert' && (
              <span className="num">
                <span className="dim">{formatIndicator(signal.indicator, signal.baseline)} → </span>
                <span className="bad">{formatIndicator(signal.indicator, signal.value)}</span>
              </span>
            )}
          </li>
        ))}
      </ul>
      {detail.signals.length > signalsFirst && (
        <p className="evidence-more">
          <button type="button" className="link blue" onClick={() => setAll(!all)}>
            {all ? t('action.less') : t('unusual.all', { n: detail.signals.length })}
          </button>
        </p>
      )}
    </Panel>
  );
}

function SignalName({ signal, title }: { signal: CaseSignal; title: string }) {
  const { word, say } = useWords();
  const text =
    signal.indicator === 'alert'
      ? say(signal.title, signal)
      : `${signal.service} ${word('indicator', signal.indicator)}`;
  if (signal.event_id === undefined)
    return (
      <span className="grow clip" title={title}>
        {text}
      </span>
    );
  const id = signal.event_id;
  return (
    <Link
      to="."
      search={(prev) => ({ ...prev, event: id })}
      resetScroll={false}
      className="grow clip"
      title={title}
      data-testid="case-signal"
    >
      {text}
    </Link>
  );
}
