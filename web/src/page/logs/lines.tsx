import { getRouteApi } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef, useState } from 'react';
import type { LogRow } from '../../api/types.ts';
import { useWords } from '../../i18n/index.tsx';
import { severityColor } from '../../model/color.ts';
import { formatCount, formatMoment, formatTime } from '../../model/format.ts';
import { hasFilter, type LogFilter } from '../../model/logfilter.ts';
import { Empty, Problem, Severity, Skeleton, type ValueClick } from '../../panel/bits.tsx';
import type { Frame } from '../../panel/frame.ts';
import { useRowKeys } from '../../panel/keys.ts';
import { ServiceName } from '../../panel/service.tsx';
import { Widen } from '../../panel/widen.tsx';
import { LineDetail } from './detail.tsx';
import { type Lines as LineState, useLines } from './uselines.ts';

const route = getRouteApi('/logs');
const rowHeight = 22;
/** Rows from the end at which the next page is asked for. */
const ahead = 40;

export function Lines(props: { frame: Frame; filter: LogFilter; pick: ValueClick; clear: () => void }) {
  const { frame, filter } = props;
  const { line } = route.useSearch();
  const navigate = route.useNavigate();
  const [scrolled, setScrolled] = useState(false);
  const lines = useLines(frame.frame, filter, frame.live, scrolled || line !== undefined);
  const open = (id: string | undefined): void => {
    void navigate({ search: (prev) => ({ ...prev, line: id }), replace: true });
  };
  const opened = lines.rows.find((row) => row.event_id === line);
  const selected = lines.rows.findIndex((row) => row.event_id === line);
  useRowKeys({
    count: lines.rows.length,
    selected,
    select: (i) => open(lines.rows[i]?.event_id),
    close: () => open(undefined),
  });
  if (lines.loading && lines.rows.length === 0) return <Skeleton rows={18} height={14} />;
  if (lines.error !== null && lines.rows.length === 0)
    return <Problem error={lines.error} retry={lines.reload} />;
  if (lines.rows.length === 0) return <NoLines frame={frame} filter={filter} clear={props.clear} />;
  return (
    <div className={`logs-lines ${opened ? 'with-side' : ''}`}>
      <LineList
        lines={lines}
        selected={selected}
        open={open}
        setScrolled={setScrolled}
        live={frame.live}
        closeLine={() => open(undefined)}
      />
      {opened && <LineDetail row={opened} pick={props.pick} close={() => open(undefined)} />}
    </div>
  );
}

function NoLines({ frame, filter, clear }: { frame: Frame; filter: LogFilter; clear: () => void }) {
  const { t } = useWords();
  return (
    <Empty title={t('logs.empty', { span: frame.span })}>
      <p>{hasFilter(filter) ? t('logs.empty.filter') : t('logs.empty.none')}</p>
      <div className="row">
        {hasFilter(filter) && (
          <button type="button" className="button" onClick={clear}>
            {t('logs.clear')}
          </button>
        )}
        <Widen />
      </div>
    </Empty>
  );
}

interface ListProps {
  lines: LineState;
  selected: number;
  open: (id: string) => void;
  setScrolled: (scrolled: boolean) => void;
  live: boolean;
  closeLine: () => void;
}

function LineList(props: ListProps) {
  const { lines, selected } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: lines.rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 20,
    getItemKey: (i) => lines.rows[i]?.event_id ?? i,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  const { more } = lines;
  useEffect(() => {
    if (last >= lines.rows.length - ahead) more();
  }, [last, lines.rows.length, more]);
  useEffect(() => {
    if (selected >= 0) virtual.scrollToIndex(selected, { align: 'auto' });
  }, [selected, virtual]);
  const follow = (): void => {
    props.closeLine();
    lines.release();
    scroller.current?.scrollTo({ top: 0 });
  };
  return (
    <div className="lines-box">
      <ListHead />
      {props.live && <Waiting waiting={lines.waiting} follow={follow} />}
      <div
        className="lines-scroll"
        ref={scroller}
        onScroll={(event) => props.setScrolled(event.currentTarget.scrollTop > rowHeight)}
      >
        <div style={{ height: virtual.getTotalSize() + 30, position: 'relative' }}>
          {items.map((item) => {
            const row = lines.rows[item.index];
            return row === undefined ? null : (
              <Line
                key={item.key}
                row={row}
                top={item.start}
                selected={item.index === selected}
                open={props.open}
              />
            );
          })}
          <ListEnd lines={lines} top={virtual.getTotalSize()} />
        </div>
      </div>
    </div>
  );
}

function ListHead() {
  const { t } = useWords();
  return (
    <div className="line line-head">
      <span>{t('logs.col.time')}</span>
      <span>{t('logs.col.severity')}</span>
      <span>{t('logs.col.service')}</span>
      <span>{t('logs.col.message')}</span>
    </div>
  );
}

function Waiting({ waiting, follow }: { waiting: number; follow: () => void }) {
  const { t } = useWords();
  if (waiting === 0) return null;
  return (
    <button type="button" className="waiting" onClick={follow} data-testid="log-waiting">
      {t('logs.paused')} · {t('logs.waiting', { n: formatCount(waiting) })} · <b>{t('logs.follow')} ↑</b>
    </button>
  );
}

function ListEnd({ lines, top }: { lines: LineState; top: number }) {
  const { t } = useWords();
  return (
    <p className="dim lines-end" style={{ top }}>
      {lines.ended ? t('logs.end') : t('logs.loaded', { n: formatCount(lines.rows.length) })}
    </p>
  );
}

function Line(props: { row: LogRow; top: number; selected: boolean; open: (id: string) => void }) {
  const { row } = props;
  return (
    <button
      type="button"
      className={`line ${props.selected ? 'selected' : ''}`}
      style={{ transform: `translateY(${props.top}px)`, borderLeftColor: severityColor(row.severity) }}
      onClick={() => props.open(row.event_id)}
      data-testid="log-row"
    >
      <span className="dim" title={formatMoment(row.at, true)}>
        {formatTime(row.at, true)}
      </span>
      <Severity severity={row.severity} />
      <ServiceName name={row.service} />
      <span className="clip line-body">{row.body}</span>
    </button>
  );
}
