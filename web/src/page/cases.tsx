import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { urnName } from '../../../src/model/urn.ts';
import { casesQuery, livePollMs } from '../api/queries.ts';
import type { CaseRow } from '../api/types.ts';
import { useT, useWords } from '../i18n/index.tsx';
import { formatNear, formatSpan } from '../model/format.ts';
import { Empty, Problem, Skeleton } from '../panel/bits.tsx';
import { useFrame } from '../panel/frame.ts';
import { opensRow, useRowKeys } from '../panel/keys.ts';
import { StateMark } from '../panel/state.tsx';
import { useTick } from '../panel/tick.ts';

const route = getRouteApi('/cases');

type Show = 'open' | 'closed' | 'all';

const shown = (rows: CaseRow[], show: Show): CaseRow[] =>
  rows
    .filter((row) => show === 'all' || (row.status === 'CLOSED') === (show === 'closed'))
    .sort((a, b) => b.created_at - a.created_at);

export function CasesPage() {
  const t = useT();
  const search = route.useSearch();
  const show: Show = search.show ?? 'open';
  const { poll } = useFrame();
  const query = useQuery(casesQuery(undefined, poll(livePollMs)));
  const rows = query.data === undefined ? undefined : shown(query.data, show);
  return (
    <div className="page" data-testid="page-cases">
      <div className="page-head">
        <h1>{t('cases.title')}</h1>
        <div className="segmented">
          {(['open', 'closed', 'all'] as const).map((each) => (
            <Link
              key={each}
              to="/cases"
              search={{ show: each === 'open' ? undefined : each }}
              className={`button small ${each === show ? 'chosen' : ''}`}
            >
              {t(`cases.${each}`)}
            </Link>
          ))}
        </div>
      </div>
      {query.error !== null && <Problem error={query.error} retry={() => void query.refetch()} />}
      <section className="panel">
        {rows === undefined && query.error === null && <Skeleton rows={4} />}
        {rows?.length === 0 && (
          <Empty title={show === 'open' ? t('cases.empty.open') : t('cases.empty')}>
            <p>{t('cases.empty.text')}</p>
            {show === 'open' && (
              <Link to="/cases" search={{ show: 'all' }} className="button">
                {t('home.cases.all')}
              </Link>
            )}
          </Empty>
        )}
        {rows !== undefined && rows.length > 0 && <CaseTable rows={rows} />}
      </section>
    </div>
  );
}

function CaseTable({ rows }: { rows: CaseRow[] }) {
  const { t, word, say, length } = useWords();
  const navigate = useNavigate();
  const [selected, select] = useState(-1);
  const at = useTick(1_000);
  const open = (row: CaseRow | undefined): void => {
    if (row) void navigate({ to: '/cases/$caseId', params: { caseId: row.id } });
  };
  useRowKeys({ count: rows.length, selected, select, open: (i) => open(rows[i]) });
  return (
    <table className="grid">
      <thead>
        <tr>
          <th>{t('cases.col.number')}</th>
          <th>{t('cases.col.state')}</th>
          <th>{t('cases.col.title')}</th>
          <th>{t('case.broke')}</th>
          <th>{t('cases.col.since')}</th>
          <th className="num">{t('cases.col.took')}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row, i) => (
          <tr
            key={row.id}
            className={`opens ${i === selected ? 'selected' : ''}`}
            data-testid="case-row"
            onClick={(event) => opensRow(event) && open(row)}
          >
            <td className="nowrap">
              <Link to="/cases/$caseId" params={{ caseId: row.id }}>
                INC-{row.number}
              </Link>
            </td>
            <td>
              <StateMark status={row.status} />
            </td>
            <td>
              <Link to="/cases/$caseId" params={{ caseId: row.id }} style={{ color: 'inherit' }}>
                {say(row.title, row.said)}
              </Link>
            </td>
            <td className="nowrap">
              {row.cause ? (
                <>
                  {urnName(row.cause.resource)} · {word('kind', row.cause.kind)}
                </>
              ) : (
                <span className="dim">{row.verdict_kind === 'inconclusive' ? '–' : (row.service ?? '')}</span>
              )}
            </td>
            <td className="mono nowrap">{formatNear(row.created_at, at)}</td>
            <td className="num">
              {length(
                formatSpan(
                  (row.status === 'CLOSED' ? (row.closed_at ?? row.updated_at) : at) - row.created_at,
                ),
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
