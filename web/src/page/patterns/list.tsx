import type { ListedPattern } from '../../api/patterns.ts';
import { useWords } from '../../i18n/index.tsx';
import { now } from '../../model/clock.ts';
import { formatCount, formatNear, formatRatio } from '../../model/format.ts';
import { Severity } from '../../panel/bits.tsx';
import { opensRow } from '../../panel/keys.ts';
import { ServiceName } from '../../panel/service.tsx';
import { SparkBars } from '../../panel/spark.tsx';
import { PatternTitle } from './template.tsx';

interface ListProps {
  rows: ListedPattern[];
  /** The greatest share: its bar is whole. */
  most: number;
  open: string | undefined;
  cursor: number;
  chosen: ReadonlySet<string>;
  choose: (id: string) => void;
  show: (id: string) => void;
}

export function PatternTable(props: ListProps) {
  const { t } = useWords();
  return (
    <table className="grid patterns-table">
      <thead>
        <tr>
          <th aria-label={t('pat.select', { name: '' })} />
          <th>{t('pat.col.severity')}</th>
          <th>{t('pat.col.pattern')}</th>
          <th className="patterns-service">{t('pat.col.service')}</th>
          <th className="patterns-over">{t('pat.col.over')}</th>
          <th className="num">{t('pat.col.count')}</th>
          <th className="num patterns-share">{t('pat.col.share')}</th>
          <th className="num">{t('pat.col.errors')}</th>
          <th className="patterns-seen">{t('pat.col.first')}</th>
          <th className="patterns-seen">{t('pat.col.last')}</th>
        </tr>
      </thead>
      <tbody>
        {props.rows.map((row, i) => (
          <PatternLine key={row.pattern_id ?? row.template} row={row} props={props} at={i} />
        ))}
      </tbody>
    </table>
  );
}

function PatternLine({ row, props, at }: { row: ListedPattern; props: ListProps; at: number }) {
  const { t } = useWords();
  // A message without a pattern yet has an id of another form; nothing can be said about it here.
  const id = row.pattern_id !== null && /^\d+$/.test(row.pattern_id) ? row.pattern_id : null;
  const selected = id !== null && (id === props.open || at === props.cursor);
  return (
    <tr
      className={`${id === null ? '' : 'opens'} ${selected ? 'selected' : ''}`}
      onClick={(event) => id !== null && opensRow(event) && props.show(id)}
      data-testid="pattern-row"
    >
      <td>
        {id !== null && (
          <input
            type="checkbox"
            aria-label={t('pat.select', { name: row.name || row.template })}
            checked={props.chosen.has(id)}
            onClick={(event) => event.stopPropagation()}
            onChange={() => props.choose(id)}
          />
        )}
      </td>
      <td>
        <Severity severity={row.severity} />
      </td>
      <td className="patterns-what">
        {row.is_new && <span className="tag new">{t('pat.new')}</span>}{' '}
        {id === null ? (
          <PatternTitle name="" template={row.template} />
        ) : (
          <button type="button" className="value" onClick={() => props.show(id)}>
            <PatternTitle name={row.name} template={row.template} />
          </button>
        )}{' '}
        {id === null && <span className="tag">{t('pat.unmined')}</span>}
        {row.merged > 0 && <span className="tag">{t('pat.merged', { n: row.merged })}</span>}
      </td>
      <td className="patterns-service">
        <Services names={row.services} />
      </td>
      <td className="patterns-over">
        <SparkBars values={row.spark} label={row.template} />
      </td>
      <td className="num">{formatCount(row.count)}</td>
      <td className="num patterns-share">
        <i
          style={{ width: `${Math.max(row.count > 0 ? 1 : 0, (row.share / props.most) * 100)}%` }}
          aria-hidden="true"
        />
        {formatRatio(row.share)}
      </td>
      <td className={`num ${row.error_count > 0 ? 'bad' : 'dim'}`}>{formatCount(row.error_count)}</td>
      <td className="mono nowrap patterns-seen">{formatNear(row.first_seen, now())}</td>
      <td className="mono nowrap patterns-seen">{formatNear(row.last_seen, now())}</td>
    </tr>
  );
}

export function Services({ names }: { names: string[] }) {
  const [first, ...others] = names;
  if (first === undefined) return <span className="dim">–</span>;
  return (
    <span className="nowrap" title={names.join(', ')}>
      <ServiceName name={first} />
      {others.length > 0 && <span className="dim"> +{others.length}</span>}
    </span>
  );
}
