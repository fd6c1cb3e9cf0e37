/** Jump anywhere by typing: pages, services, cases, trace ids; anything else is searched in the logs. */
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type KeyboardEvent, useMemo, useState } from 'react';
import { casesQuery, servicesQuery } from '../api/queries.ts';
import type { CaseRow, ServiceRow } from '../api/types.ts';
import { type Translate, useWords, type Words } from '../i18n/index.tsx';
import { Dialog } from '../panel/dialog.tsx';
import { useFrame } from '../panel/frame.ts';

interface Entry {
  id: string;
  group: string;
  text: string;
  note?: string;
  go: () => void;
}

/** More than anybody reads; the next letter narrows it. */
const entriesMax = 12;

type Go = ReturnType<typeof useNavigate>;

function pageEntries(t: Translate, go: Go): Entry[] {
  const pages = [
    ['/', 'nav.home'],
    ['/cases', 'nav.cases'],
    ['/logs', 'nav.logs'],
    ['/traces', 'nav.traces'],
    ['/map', 'nav.map'],
    ['/patterns', 'nav.patterns'],
    ['/series', 'nav.series'],
    ['/slo', 'nav.slo'],
    ['/intake', 'nav.intake'],
    ['/storage', 'nav.storage'],
    ['/jobs', 'nav.jobs'],
    ['/admin', 'nav.admin'],
  ] as const;
  return pages.map(([to, key]) => ({
    id: to,
    group: t('palette.pages'),
    text: t(key),
    go: () => void go({ to }),
  }));
}

function serviceEntries(t: Translate, go: Go, services: ServiceRow[]): Entry[] {
  return services.flatMap((row) => [
    {
      id: `map ${row.urn}`,
      group: t('palette.service'),
      text: row.service,
      note: t('nav.map'),
      go: () => void go({ to: '/map', search: { focus: row.urn, node: row.urn } }),
    },
    {
      id: `logs ${row.urn}`,
      group: t('palette.service'),
      text: row.service,
      note: t('nav.logs'),
      go: () => void go({ to: '/logs', search: { service: [row.service] } }),
    },
    {
      id: `traces ${row.urn}`,
      group: t('palette.service'),
      text: row.service,
      note: t('nav.traces'),
      go: () => void go({ to: '/traces', search: { service: row.service } }),
    },
  ]);
}

const caseEntries = ({ t, say }: Words, go: Go, cases: CaseRow[]): Entry[] =>
  cases.map((row) => ({
    id: row.id,
    group: t('palette.case'),
    text: `INC-${row.number} ${say(row.title, row.said)}`,
    go: () => void go({ to: '/cases/$caseId', params: { caseId: row.id } }),
  }));

/** What the typed words mean by themselves: a trace id, and always a search. */
function typedEntries(t: Translate, go: Go, typed: string): Entry[] {
  if (typed === '') return [];
  const traceId = /^[0-9a-f]{32}$/i.test(typed) ? typed.toLowerCase() : null;
  const search: Entry = {
    id: 'search',
    group: t('nav.logs'),
    text: t('palette.logs', { q: typed }),
    go: () => void go({ to: '/logs', search: { q: typed } }),
  };
  if (traceId === null) return [search];
  const open = () => void go({ to: '/traces/$traceId', params: { traceId } });
  return [
    { id: 'trace', group: t('nav.traces'), text: t('palette.trace'), note: traceId.slice(0, 8), go: open },
    search,
  ];
}

function useEntries(typed: string): Entry[] {
  const words = useWords();
  const { t } = words;
  const go = useNavigate();
  const { frame } = useFrame();
  const services = useQuery(servicesQuery(frame, false)).data?.data;
  const cases = useQuery(casesQuery(undefined, false)).data;
  return useMemo(() => {
    const needle = typed.toLowerCase();
    const known = [
      ...pageEntries(t, go),
      ...caseEntries(words, go, cases ?? []),
      ...serviceEntries(t, go, services ?? []),
    ].filter((entry) => `${entry.text} ${entry.note ?? ''}`.toLowerCase().includes(needle));
    return [...known.slice(0, entriesMax), ...typedEntries(t, go, typed)];
  }, [words, t, go, typed, services, cases]);
}

export default function Palette({ close }: { close: () => void }) {
  const { t } = useWords();
  const [typed, setTyped] = useState('');
  const [at, setAt] = useState(0);
  const entries = useEntries(typed.trim());
  const chosen = Math.min(at, entries.length - 1);
  const run = (entry: Entry | undefined): void => {
    if (entry === undefined) return;
    close();
    entry.go();
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === 'ArrowDown') setAt(Math.min(entries.length - 1, chosen + 1));
    else if (event.key === 'ArrowUp') setAt(Math.max(0, chosen - 1));
    else if (event.key === 'Enter') run(entries[chosen]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title={t('frame.search')} close={close} className="palette">
      <input
        autoFocus
        className="palette-input"
        value={typed}
        placeholder={t('palette.hint')}
        aria-label={t('palette.hint')}
        onChange={(event) => {
          setTyped(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKey}
        data-testid="palette-input"
      />
      <ul className="palette-list">
        {entries.map((entry, i) => (
          <li key={entry.id}>
            <button
              type="button"
              className={i === chosen ? 'chosen' : ''}
              onClick={() => run(entry)}
              onPointerMove={() => setAt(i)}
            >
              <span className="dim">{entry.group}</span>
              <span className="grow clip">{entry.text}</span>
              {entry.note && <span className="dim">{entry.note}</span>}
            </button>
          </li>
        ))}
        {entries.length === 0 && <li className="dim palette-none">{t('palette.none')}</li>}
      </ul>
    </Dialog>
  );
}
