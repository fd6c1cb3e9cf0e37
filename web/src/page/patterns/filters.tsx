import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { servicesQuery } from '../../api/queries.ts';
import type { PatternsSearch } from '../../app/router.tsx';
import { useWords } from '../../i18n/index.tsx';
import type { Frame } from '../../panel/frame.ts';
import { comparisons, type With } from './compare.tsx';

const severities = ['WARN', 'ERROR', 'FATAL'] as const;
const orders = ['errors', 'first_seen', 'last_seen'] as const;
/** A question is asked when typing pauses. */
const pauseMs = 300;

export type SetSearch = (patch: PatternsSearch) => void;

export function PatternFilters(props: { search: PatternsSearch; set: SetSearch; frame: Frame }) {
  const { t } = useWords();
  const { search, set } = props;
  if (search.tab === 'applications' || search.tab === 'changes') return null;
  return (
    <div className="row wrap patterns-filters">
      {search.tab === 'compare' ? (
        <WithSelect search={search} set={set} />
      ) : (
        <>
          <Words value={search.q ?? ''} change={(q) => set({ q })} />
          <Select
            label={t('pat.severity')}
            value={search.severity}
            none={t('pat.severity.all')}
            options={severities.map((each) => [each, t('pat.severity.least', { severity: each })])}
            change={(severity) => set({ severity })}
          />
        </>
      )}
      <ServiceSelect {...props} />
      {search.tab === undefined && <OnlyAndOrder search={search} set={set} />}
    </div>
  );
}

function OnlyAndOrder({ search, set }: { search: PatternsSearch; set: SetSearch }) {
  const { t } = useWords();
  return (
    <>
      {(['new', 'errors'] as const).map((only) => (
        <button
          key={only}
          type="button"
          className={`button ${search.only === only ? 'chosen' : ''}`}
          aria-pressed={search.only === only}
          onClick={() => set({ only: search.only === only ? undefined : only })}
        >
          {t(`pat.only.${only}`)}
        </button>
      ))}
      <Select
        label={t('pat.sort')}
        value={search.sort}
        none={t('pat.sort.count')}
        options={orders.map((each) => [each, t(`pat.sort.${each}`)])}
        change={(sort) => set({ sort: orders.find((each) => each === sort) })}
      />
    </>
  );
}

function WithSelect({ search, set }: { search: PatternsSearch; set: SetSearch }) {
  const { t } = useWords();
  const [first, ...others] = comparisons;
  return (
    <Select
      label={t('pat.with')}
      value={search.with}
      none={t(`pat.with.${first}`)}
      options={others.map((each) => [each, t(`pat.with.${each}`)])}
      change={(value) => set({ with: others.find((each): each is Exclude<With, 'day'> => each === value) })}
    />
  );
}

function ServiceSelect({ search, set, frame }: { search: PatternsSearch; set: SetSearch; frame: Frame }) {
  const { t } = useWords();
  const services = useQuery(servicesQuery(frame.frame, false)).data?.data.map((row) => row.service) ?? [];
  const names = [...new Set([...services, ...(search.service ? [search.service] : [])])].sort();
  return (
    <Select
      label={t('pat.service')}
      value={search.service}
      none={t('pat.service.all')}
      options={names.map((name) => [name, name])}
      change={(service) => set({ service })}
    />
  );
}

function Select(props: {
  label: string;
  value: string | undefined;
  none: string;
  options: readonly (readonly [string, string])[];
  change: (value: string | undefined) => void;
}) {
  return (
    <select
      aria-label={props.label}
      value={props.value ?? ''}
      onChange={(event) => props.change(event.target.value || undefined)}
    >
      <option value="">{props.none}</option>
      {props.options.map(([value, text]) => (
        <option key={value} value={value}>
          {text}
        </option>
      ))}
    </select>
  );
}

function Words({ value, change }: { value: string; change: (text: string | undefined) => void }) {
  const { t } = useWords();
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text.trim() === value) return;
    const timer = setTimeout(() => change(text.trim() || undefined), pauseMs);
    return () => clearTimeout(timer);
    // `change` is new at every render and does the same.
  }, [text, value]);
  return (
    <input
      className="patterns-words"
      type="search"
      data-query
      value={text}
      maxLength={300}
      placeholder={t('pat.search')}
      aria-label={t('pat.search')}
      onChange={(event) => setText(event.target.value)}
      data-testid="pattern-search"
    />
  );
}
