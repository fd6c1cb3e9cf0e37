import { Link } from '@tanstack/react-router';
import { type FormEvent, useEffect, useState } from 'react';
import { useWords } from '../../i18n/index.tsx';
import { type Chip, chipsOf, type LogFilter, without } from '../../model/logfilter.ts';

export function FilterBar(props: {
  filter: LogFilter;
  setFilter: (filter: LogFilter) => void;
  tab: 'lines' | 'patterns';
}) {
  const { t } = useWords();
  return (
    <div className="logs-bar">
      <div className="segmented">
        <Link
          from="/logs"
          to="/logs"
          search={(prev) => ({ ...prev, tab: undefined, line: undefined })}
          className={`button ${props.tab === 'lines' ? 'chosen' : ''}`}
        >
          {t('logs.tab.lines')}
        </Link>
        <Link
          from="/logs"
          to="/logs"
          search={(prev) => ({ ...prev, tab: 'patterns', line: undefined })}
          className={`button ${props.tab === 'patterns' ? 'chosen' : ''}`}
          data-testid="tab-patterns"
        >
          {t('logs.tab.patterns')}
        </Link>
      </div>
      <QueryField filter={props.filter} setFilter={props.setFilter} />
      <Chips filter={props.filter} setFilter={props.setFilter} />
    </div>
  );
}

function QueryField({ filter, setFilter }: { filter: LogFilter; setFilter: (filter: LogFilter) => void }) {
  const { t } = useWords();
  const [typed, setTyped] = useState(filter.q ?? '');
  useEffect(() => setTyped(filter.q ?? ''), [filter.q]);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setFilter({ ...filter, q: typed.trim() === '' ? undefined : typed.trim() });
  };
  return (
    <form onSubmit={submit} className="logs-query">
      <input
        data-query
        type="search"
        value={typed}
        placeholder={t('logs.search')}
        aria-label={t('logs.search')}
        onChange={(event) => setTyped(event.target.value)}
        data-testid="log-query"
      />
    </form>
  );
}

function Chips({ filter, setFilter }: { filter: LogFilter; setFilter: (filter: LogFilter) => void }) {
  const { t } = useWords();
  const chips = chipsOf(filter);
  const nameOf = (chip: Chip): string => {
    if (chip.field === 'q') return t('logs.chip.text');
    if (chip.field === 'trace_id') return t('logs.chip.trace_id');
    if (chip.field === 'pattern') return t('logs.chip.pattern');
    if (chip.field === 'service' || chip.field === 'severity') return t(`logs.facet.${chip.field}`);
    return chip.key;
  };
  if (chips.length === 0) return null;
  return (
    <div className="chips">
      {chips.map((chip) => (
        <span
          key={`${chip.field} ${chip.value}`}
          className={`chip ${chip.excludes ? 'excludes' : ''}`}
          data-testid="chip"
        >
          <span className="clip">
            {nameOf(chip)} {chip.excludes ? '≠' : chip.field === 'q' ? '' : '='} <b>{chip.text}</b>
          </span>
          <button
            type="button"
            aria-label={t('action.remove', { name: `${chip.key} ${chip.text}` })}
            onClick={() => setFilter(without(filter, chip))}
          >
            ✕
          </button>
        </span>
      ))}
      {chips.length > 1 && (
        <button type="button" className="link dim" onClick={() => setFilter({})}>
          {t('action.clear')}
        </button>
      )}
    </div>
  );
}
