/** Each fact a sentence rests on: its chart, some of its raw rows, and the way back to all of them. */
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import type { CaseDetail, CaseEvidence } from '../../api/types.ts';
import { useWords } from '../../i18n/index.tsx';
import { HrefLink, Panel, Skeleton } from '../../panel/bits.tsx';
import { EvidenceRowsOf, pageOf } from '../../panel/evidencerows.tsx';
import { RowsTable } from '../../panel/rowstable.tsx';
import { ChartLegend, EvidenceChart } from './evidencechart.tsx';

const route = getRouteApi('/cases/$caseId');

/** As many as carry a verdict; the rest is one click away. */
const shownFirst = 6;

/** What the first cause rests on, in the order of its reasons; then the rest. */
function byWeight(evidence: CaseEvidence[], verdict: CaseDetail['verdict']): CaseEvidence[] {
  const refs = verdict?.causes[0]?.reasons.flatMap((reason) => reason.evidence) ?? [];
  const place = (each: CaseEvidence): number => {
    const at = refs.indexOf(each.ref);
    return at < 0 ? refs.length : at;
  };
  return [...evidence].sort((a, b) => place(a) - place(b));
}

export function EvidencePanel({ detail }: { detail: CaseDetail }) {
  const { t } = useWords();
  const { evidence: chosen } = route.useSearch();
  const hash = detail.evidence_hash;
  const [all, setAll] = useState(false);
  const sorted = byWeight(detail.evidence, detail.verdict);
  const hidden = all ? 0 : Math.max(0, sorted.length - shownFirst);
  const shown = sorted.filter((each, i) => hidden === 0 || i < shownFirst || each.ref === chosen);
  return (
    <Panel
      title={t('case.evidence')}
      testId="case-evidence"
      aside={
        hash !== null ? (
          <span className="mono clip hash" title={hash}>
            {t('case.evidence.frozen', { hash: hash.slice(0, 16) })}
          </span>
        ) : undefined
      }
    >
      {detail.evidence.some((each) => each.series !== null) && <ChartLegend verdict={detail.verdict} />}
      {detail.evidence.length === 0 &&
        (detail.status === 'NEW' || detail.status === 'ANALYZING' ? (
          <Skeleton rows={3} />
        ) : (
          <p className="panel-body dim">{t('case.evidence.none')}</p>
        ))}
      <div className="evidence-grid">
        {shown.map((each) => (
          <EvidenceCard key={each.ref} evidence={each} detail={detail} chosen={each.ref === chosen} />
        ))}
      </div>
      {hidden > 0 && (
        <p className="evidence-more">
          <button type="button" className="link blue" onClick={() => setAll(true)} data-testid="evidence-all">
            {t('case.evidence.all', { n: sorted.length })}
          </button>
        </p>
      )}
    </Panel>
  );
}

function EvidenceCard(props: { evidence: CaseEvidence; detail: CaseDetail; chosen: boolean }) {
  const { t, word, say } = useWords();
  const { evidence, detail } = props;
  const [rowsOpen, setRowsOpen] = useState(false);
  return (
    <article
      className={`evidence ${props.chosen ? 'chosen' : ''} ${rowsOpen ? 'wide' : ''}`}
      id={`evidence-${evidence.ref}`}
      data-testid="evidence"
    >
      <p className="evidence-note">
        <span className="ref plain">{evidence.ref}</span>
        <span className={`tag dim-${evidence.dim}`}>{word('dim', evidence.dim)}</span>{' '}
        {say(evidence.note, evidence)}
      </p>
      <EvidenceChart evidence={evidence} detail={detail} />
      <p className="evidence-foot">
        <button
          type="button"
          className="link blue"
          onClick={() => setRowsOpen(!rowsOpen)}
          data-testid="evidence-rows"
        >
          {rowsOpen ? '▾' : '▸'} {t('case.evidence.rows')}
          {evidence.rows.length > 0 && ` (${evidence.rows.length})`}
        </button>
        {evidence.link !== null && (
          <HrefLink href={evidence.link} testId="evidence-link">
            {t('case.evidence.open', {
              page: t(pageOf(evidence.link)),
            })}{' '}
            →
          </HrefLink>
        )}
        <span className="mono dim clip hash" title={`sha256 ${evidence.sha256}`}>
          sha256 {evidence.sha256.slice(0, 12)}
        </span>
      </p>
      {rowsOpen && <EvidenceRows evidence={evidence} />}
    </article>
  );
}

function EvidenceRows({ evidence }: { evidence: CaseEvidence }) {
  const { t } = useWords();
  const [again, setAgain] = useState(false);
  return (
    <div className="evidence-rows">
      {evidence.rows.length > 0 && (
        <>
          <p className="dim">{t('case.evidence.kept', { n: evidence.rows.length })}</p>
          <RowsTable rows={evidence.rows} />
        </>
      )}
      {evidence.ledger !== null && (
        <p className="mono dim">
          {evidence.ledger.table} {JSON.stringify(evidence.ledger.keys)}
        </p>
      )}
      {evidence.id !== '' && evidence.locator_id !== null && !again && (
        <button type="button" className="button small" onClick={() => setAgain(true)}>
          {t('case.evidence.again')}
        </button>
      )}
      {again && <EvidenceRowsOf id={evidence.id} />}
    </div>
  );
}
