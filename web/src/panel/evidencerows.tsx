/** The raw rows that a piece of evidence rests on, read again from the store. */
import { useQuery } from '@tanstack/react-query';
import { evidenceRowsQuery } from '../api/queries.ts';
import { useT } from '../i18n/index.tsx';
import { HrefLink, Problem, Skeleton } from './bits.tsx';
import { RowsTable } from './rowstable.tsx';

/** The page that a link of the server's leads to, as the navigation names it. */
const pages = { traces: 'nav.traces', logs: 'nav.logs', series: 'nav.series' } as const;
export const pageOf = (link: string): 'nav.home' | (typeof pages)[keyof typeof pages] => {
  const first = /^\/(traces|logs|series)\b/.exec(link)?.[1];
  return first === undefined ? 'nav.home' : pages[first as keyof typeof pages];
};

/** `linked`: with the way to the page that shows these rows among the others. */
export function EvidenceRowsOf({ id, linked = false }: { id: string; linked?: boolean }) {
  const t = useT();
  const query = useQuery(evidenceRowsQuery(id));
  if (query.error !== null) return <Problem error={query.error} retry={() => void query.refetch()} />;
  if (query.data === undefined) return <Skeleton rows={4} />;
  const { data, row, link } = query.data;
  return (
    <>
      {row !== undefined && (
        <>
          <p className="dim">{t('event.rollup')}</p>
          <RowsTable rows={[row]} />
        </>
      )}
      {data.length > 0 && (
        <>
          {row !== undefined && <p className="dim">{t('event.raw', { n: data.length })}</p>}
          <RowsTable rows={data} />
        </>
      )}
      {data.length === 0 && (
        <p className="dim">{t(row === undefined ? 'case.evidence.norows' : 'event.raw.none')}</p>
      )}
      {linked && link && (
        <HrefLink href={link} testId="event-link">
          {t('case.evidence.open', { page: t(pageOf(link)) })} →
        </HrefLink>
      )}
    </>
  );
}
