/** What verified cases taught diagnosis: how far each kind of cause is moved, by which cases, and how it is forgotten. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { forgetPriors, type Prior, priorsQuery } from '../api/learning.ts';
import { useWords } from '../i18n/index.tsx';
import { Empty, Panel, Problem } from './bits.tsx';
import './learning.css';

/** The server's bound: the bars end there. */
const most = 0.05;
const casesShown = 6;

export function LearningPanel() {
  const { t } = useWords();
  const query = useQuery(priorsQuery());
  const client = useQueryClient();
  const forget = useMutation({
    mutationFn: forgetPriors,
    onSettled: () => client.invalidateQueries({ queryKey: ['priors'] }),
  });
  const { priors = [], enabled = true } = query.data ?? {};
  const problem = query.error ?? forget.error;
  return (
    <Panel
      title={t('learning.title')}
      aside={
        <>
          {!enabled && <span className="dim">{t('learning.off')}</span>}
          {priors.length > 1 && (
            <SureButton
              text={t('learning.forget.all')}
              act={() => forget.mutate(null)}
              testId="learning-all"
            />
          )}
        </>
      }
      className="health-wide"
      testId="learning"
    >
      {problem !== null && <Problem error={problem} retry={() => void query.refetch()} />}
      {query.data !== undefined && priors.length === 0 && (
        <Empty title={t('learning.empty')}>
          <p className="dim">{t('learning.empty.text')}</p>
        </Empty>
      )}
      {priors.length > 0 && (
        <>
          <div className="learning-scale dim">
            <span />
            <span className="learning-ends">
              <span>{t('learning.lower')}</span>
              <span>{t('learning.higher')}</span>
            </span>
          </div>
          <ol className="learning-rows">
            {priors.map((prior) => (
              <Row key={`${prior.kind} ${prior.resource_type}`} prior={prior} forget={forget.mutate} />
            ))}
          </ol>
          <p className="dim learning-note">{t('learning.lead')}</p>
        </>
      )}
    </Panel>
  );
}

function Row({ prior, forget }: { prior: Prior; forget: (prior: Prior) => void }) {
  const { t, word } = useWords();
  const { kind, resource_type, confirmed, refuted, adjustment } = prior;
  const width = (50 * Math.min(most, Math.abs(adjustment))) / most;
  const lower = adjustment < 0;
  return (
    <li>
      <strong>
        {t('learning.at', { kind: word('kind', kind), type: word('learning.type', resource_type) })}
      </strong>
      <span className="learning-track" aria-hidden="true">
        <i
          className={lower ? 'lower' : ''}
          style={{ width: `${width}%`, left: lower ? `${50 - width}%` : '50%' }}
        />
      </span>
      <span className="num">{`${lower ? '−' : '+'}${Math.abs(adjustment).toFixed(3)}`}</span>
      <span className="dim">
        {t('learning.counts', { confirmed, refuted })}
        {prior.cases.slice(0, casesShown).map(({ case_id, number, outcome }) => (
          <span key={case_id}>
            {' '}
            <Link to="/cases/$caseId" params={{ caseId: case_id }}>
              {`${outcome === 'confirmed' ? '✓' : '✕'} INC-${number}`}
            </Link>
          </span>
        ))}
      </span>
      <SureButton text={t('learning.forget')} act={() => forget(prior)} testId="learning-forget" />
    </li>
  );
}

/** Asks once more before it acts: what is forgotten does not come back. */
function SureButton({ text, act, testId }: { text: string; act: () => void; testId: string }) {
  const { t } = useWords();
  const [asked, setAsked] = useState(false);
  return (
    <button
      type="button"
      className="button quiet"
      data-testid={testId}
      onBlur={() => setAsked(false)}
      onClick={() => {
        if (asked) act();
        setAsked(!asked);
      }}
    >
      {asked ? t('learning.sure') : text}
    </button>
  );
}
