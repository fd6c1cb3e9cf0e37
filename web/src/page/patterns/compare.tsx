import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { type ComparedPattern, type Comparison, compareQuery } from '../../api/patterns.ts';
import { useWords } from '../../i18n/index.tsx';
import { formatCount, formatMoment } from '../../model/format.ts';
import type { Window } from '../../model/range.ts';
import { Empty, Panel, Problem, Severity, Skeleton } from '../../panel/bits.tsx';
import type { Frame } from '../../panel/frame.ts';
import { opensRow } from '../../panel/keys.ts';
import { Services } from './list.tsx';
import { PatternTitle } from './template.tsx';

export const comparisons = ['day', 'week', 'year', 'hour', 'previous', 'release'] as const;
export type With = (typeof comparisons)[number];

export function Compare(props: {
  frame: Frame;
  compared: With;
  service: string | undefined;
  show: (id: string) => void;
}) {
  const query = useQuery(compareQuery(props.frame.frame, props.compared, props.service));
  if (query.error !== null) return <Problem error={query.error} retry={() => void query.refetch()} />;
  if (query.data === undefined) return <Skeleton rows={10} height={16} />;
  return <Compared found={query.data} show={props.show} />;
}

const spanText = ({ from, to }: Window): string => `${formatMoment(from)} – ${formatMoment(to)}`;

function Compared({ found, show }: { found: Comparison; show: (id: string) => void }) {
  const { t } = useWords();
  const [all, setAll] = useState(false);
  const same = found.data.filter((row) => row.state === 'same').length;
  const rows = all ? found.data : found.data.filter((row) => row.state !== 'same');
  const most = Math.max(1, ...rows.map((row) => Math.max(row.count, row.before)));
  const head = t('pat.compare.head', { now: spanText(found.now), before: spanText(found.before) });
  return (
    <Panel title={head} aside={t(`pat.source.${found.source}`)} testId="pattern-compare">
      {found.release && <p className="note">{t('pat.compare.release', { ...found.release })}</p>}
      {found.data.length === 0 && (
        <Empty title={t('pat.compare.empty')}>
          <p>{t('pat.compare.empty.text')}</p>
        </Empty>
      )}
      {rows.length > 0 && (
        <table className="grid patterns-table">
          <thead>
            <tr>
              <th>{t('pat.col.state')}</th>
              <th>{t('pat.col.severity')}</th>
              <th>{t('pat.col.pattern')}</th>
              <th className="patterns-service">{t('pat.col.service')}</th>
              <th>{t('pat.col.change')}</th>
              <th className="num">{t('pat.col.count')}</th>
              <th className="num">{t('pat.col.before')}</th>
              <th className="num" aria-label={t('pat.col.change')} />
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <ComparedLine key={row.pattern_id} row={row} most={most} show={show} />
            ))}
          </tbody>
        </table>
      )}
      {same > 0 && (
        <label className="row panel-body">
          <input type="checkbox" checked={all} onChange={(event) => setAll(event.target.checked)} />
          {t('pat.compare.all', { n: same })}
        </label>
      )}
      {found.unmined.count + found.unmined.before > 0 && (
        <p className="note">
          {t('pat.unmined.note', { n: formatCount(found.unmined.count + found.unmined.before) })}
        </p>
      )}
    </Panel>
  );
}

const ratioText = (row: ComparedPattern): string => {
  if (row.ratio === null || row.count === 0) return '';
  return row.ratio >= 1 ? `× ${formatCount(row.ratio)}` : `÷ ${formatCount(1 / row.ratio)}`;
};

function ComparedLine({
  row,
  most,
  show,
}: {
  row: ComparedPattern;
  most: number;
  show: (id: string) => void;
}) {
  const { t } = useWords();
  return (
    <tr
      className="opens"
      onClick={(event) => opensRow(event) && show(row.pattern_id)}
      data-testid="compare-row"
    >
      <td>
        <span className={`tag patterns-${row.state}`}>{t(`pat.state.${row.state}`)}</span>
      </td>
      <td>
        <Severity severity={row.severity} />
      </td>
      <td className="patterns-what">
        <button type="button" className="value" onClick={() => show(row.pattern_id)}>
          <PatternTitle name={row.name} template={row.template} />
        </button>
      </td>
      <td className="patterns-service">
        <Services names={row.services} />
      </td>
      <td>
        <span className="patterns-pair" role="img" aria-label={`${row.before} → ${row.count}`}>
          <i style={{ width: `${(row.count / most) * 100}%` }} />
          <i className="then" style={{ width: `${(row.before / most) * 100}%` }} />
        </span>
      </td>
      <td className="num">{formatCount(row.count)}</td>
      <td className="num dim">{formatCount(row.before)}</td>
      <td className="num nowrap">{ratioText(row)}</td>
    </tr>
  );
}
