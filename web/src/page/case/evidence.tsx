/** Each fact a sentence rests on: its chart, some of its raw rows, and the way back to all of them. */
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import { evidenceRowsQuery } from '../../api/queries.ts';
import type { CaseDetail, CaseEvidence } from '../../api/types.ts';
import { useWords } from '../../i18n/index.tsx';
import { formatUnit } from '../../model/format.ts';
import { HrefLink, Panel, Problem, Skeleton } from '../../panel/bits.tsx';
import { RowsTable } from '../../panel/rowstable.tsx';
import { TimeChart } from '../../panel/timechart.tsx';

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
        <span className={`tag dim-${evidence.dim}`}>{word('dim', evidence.dim)}</span>
        <span>{say(evidence.note, evidence)}</span>
      </p>
      {evidence.series && <SeriesChart series={evidence.series} detail={detail} />}
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
              page: t(evidence.link.startsWith('/traces') ? 'nav.traces' : 'nav.logs'),
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

/** `cart errors`: a service and what of it; the name of a metric is one word and stays. */
const seriesName = (name: string, word: (prefix: string, word: string) => string): string =>
  name.replace(/ (errors|p95Ms|requests|logs)$/, (_, what: string) => ` ${word('series', what)}`);

function SeriesChart({
  series,
  detail,
}: {
  series: NonNullable<CaseEvidence['series']>;
  detail: CaseDetail;
}) {
  const { t, word } = useWords();
  const name = seriesName(series.name, word);
  const marks = (detail.verdict?.changes ?? []).map((change) => change.at);
  return (
    <>
      <TimeChart
        points={series.points}
        unit={series.unit}
        label={name}
        band={series.baseline}
        marks={marks}
        onset={detail.verdict?.scope.since}
        height={92}
      />
      <p className="dim chart-note">
        {name}
        {series.baseline &&
          ` · ${t('case.evidence.baseline', {
            low: formatUnit(series.baseline.low, series.unit),
            high: formatUnit(series.baseline.high, series.unit),
          })}`}
      </p>
    </>
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
      {again && <FreshRows id={evidence.id} />}
    </div>
  );
}

function FreshRows({ id }: { id: string }) {
  const { t } = useWords();
  const query = useQuery(evidenceRowsQuery(id));
  if (query.error !== null) return <Problem error={query.error} retry={() => void query.refetch()} />;
  if (query.data === undefined) return <Skeleton rows={4} />;
  if (query.data.length === 0) return <p className="dim">{t('case.evidence.norows')}</p>;
  return <RowsTable rows={query.data} />;
}
