import { Link } from '@tanstack/react-router';
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
      className="broke"
      testId="case-causes"
      aside={
        verdict && verdict.verdict !== 'inconclusive' ? word('layer', verdict.causes[0]?.layer ?? '') : null
      }
    >
      {verdict === null ? <Searching detail={detail} /> : <Found verdict={verdict} />}
      <Signals detail={detail} />
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
          <li
            key={`${cause.resource} ${cause.kind}`}
            className="row"
            title={cause.reasons.map((reason) => say(reason.text, reason)).join('\n')}
          >
            <span className="grow clip">
              {nameOf(cause)} · {word('kind', cause.kind)}
            </span>
            <span className="dim num">{cause.score.toFixed(2)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

function FirstCause({ cause, external }: { cause: Cause; external: boolean }) {
  const { t, word, say, language } = useWords();
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
      <ul className="reasons">
        {cause.reasons.map((reason) => (
          <li key={reason.text}>
            {say(reason.text, reason)} <EvidenceRefs refs={reason.evidence} />
          </li>
        ))}
      </ul>
      {cause.explains.length > 0 && (
        <p className="dim">
          {t('case.explains')}:{' '}
          {cause.explains
            .map((each) => (language === 'en' ? shortSignal(each) : signalName(each, word)))
            .join(', ')}
        </p>
      )}
    </div>
  );
}

/** The resource, not the service that saw it: a database or an outside peer is to blame itself. */
const nameOf = (cause: Cause): string => urnName(cause.resource) || cause.service;

/** `slo_violation:payments:availability` reads as `payments availability`. */
const shortSignal = (fingerprint: string): string =>
  fingerprint.split(':').slice(1).join(' ').replaceAll('_', ' ');

function signalName(fingerprint: string, word: (prefix: string, word: string) => string): string {
  const [, ...parts] = fingerprint.split(':');
  const indicator = parts.pop() ?? '';
  return `${parts.join(':')} ${word('indicator', indicator)}`;
}

const Confidence = ({ score }: { score: number }) => (
  <svg viewBox="0 0 40 6" className="confidence" aria-hidden="true">
    <rect width="40" height="6" rx="3" className="confidence-all" />
    <rect width={Math.max(2, 40 * Math.min(1, score))} height="6" rx="3" className="confidence-is" />
  </svg>
);

/** The summary is said by the code of the title with `.summary`. */
const summarySaid = ({ code, params }: CaseSignal) => ({ code: `${code ?? ''}.summary`, params });

function Signals({ detail }: { detail: CaseDetail }) {
  const { t, word, say } = useWords();
  if (detail.signals.length === 0) return null;
  return (
    <div className="panel-body signals">
      <h3>{t('case.signals')}</h3>
      <ul>
        {detail.signals.slice(0, 6).map((signal) => (
          <li key={signal.fingerprint} className="row" title={say(signal.summary, summarySaid(signal))}>
            <span className="grow clip">
              {signal.indicator === 'alert'
                ? say(signal.title, signal)
                : `${signal.service} ${word('indicator', signal.indicator)}`}
            </span>
            {signal.indicator !== 'alert' && (
              <span className="num">
                <span className="dim">{formatIndicator(signal.indicator, signal.baseline)} → </span>
                <span className="bad">{formatIndicator(signal.indicator, signal.value)}</span>
              </span>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}
