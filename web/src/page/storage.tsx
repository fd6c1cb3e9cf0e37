/** What is on the disk: whose it is, in which tables, how it grows, and how long the disk lasts. */
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { type StorageReport, storageQuery, type TableUse } from '../api/storage.ts';
import { useWords } from '../i18n/index.tsx';
import { formatBytes, formatCount, formatTime } from '../model/format.ts';
import { type Share, sharesByTenant, topShares } from '../model/storage.ts';
import { Empty, Health, Panel, Problem, Skeleton } from '../panel/bits.tsx';
import { HowToSend } from '../panel/widen.tsx';
import './storage.css';

/** Series of the colour-blind-safe set that a bar shows; the rest is grey together. */
const shownMax = 8;
/** Tables of the list before it is opened whole. */
const tablesShown = 12;
/** Below so many days the figure turns amber, below so many red. */
const daysSuspect = 30;
const daysFailing = 7;

export function StoragePage() {
  const { t } = useWords();
  const query = useQuery(storageQuery());
  const report = query.data;
  const used = report?.tables.filter(({ rows }) => rows > 0) ?? [];
  return (
    <div className="page" data-testid="page-storage">
      <div className="page-head">
        <h1>{t('storage.title')}</h1>
        {report && <span className="dim">{t('storage.counted', { time: formatTime(report.at) })}</span>}
      </div>
      {query.error !== null && <Problem error={query.error} retry={() => void query.refetch()} />}
      {report === undefined && query.error === null && <Skeleton rows={12} />}
      {report && <Figures report={report} />}
      {report && (
        <div className="storage-pair">
          <Tenants tables={used} />
          <Days report={report} />
        </div>
      )}
      {report && used.length > 0 && <Tables tables={used} />}
      {report && <Capabilities report={report} />}
    </div>
  );
}

function Figures({ report }: { report: StorageReport }) {
  const { t } = useWords();
  const { disk, ledger, growth_per_day: growth, days_until_full: days } = report;
  const used = disk.total_bytes - disk.free_bytes;
  const clew = report.tables
    .filter(({ store }) => store === 'detail' || ledger.embedded)
    .reduce((sum, { bytes }) => sum + bytes, 0);
  const percent = (bytes: number): string => `${(100 * bytes) / Math.max(1, disk.total_bytes)}%`;
  const tone = days === null || days >= daysSuspect ? '' : days < daysFailing ? 'bad' : 'warn';
  return (
    <div className="storage-figures" data-testid="storage-figures">
      <div className="panel storage-figure storage-wide">
        <span className="dim">{t('storage.disk')}</span>
        <div className="storage-bar" role="presentation">
          <i style={{ width: percent(clew), background: 'var(--blue)' }} />
          <i style={{ width: percent(Math.max(0, used - clew)), background: 'var(--control)' }} />
        </div>
        <span className="dim">
          {t('storage.disk.note', {
            used: formatBytes(used),
            total: formatBytes(disk.total_bytes),
            clew: formatBytes(clew),
          })}
        </span>
      </div>
      <Figure
        name={t('storage.free')}
        value={formatBytes(disk.free_bytes)}
        note={t('storage.free.note', { bytes: formatBytes(disk.keep_free_bytes) })}
      />
      <Figure
        name={t('storage.growth')}
        value={formatGrowth(growth)}
        note={growth === null ? t('storage.growth.unknown') : ''}
      />
      <Figure
        name={t('storage.full')}
        value={
          days !== null
            ? t('storage.full.days', { days: days >= 10_000 ? '> 10000' : formatCount(days) })
            : '–'
        }
        note={
          tone !== ''
            ? t('storage.full.warn')
            : days !== null
              ? ''
              : t(growth === null ? 'storage.full.unknown' : 'storage.full.never')
        }
        tone={tone}
      />
      <Figure
        name={t('storage.ledger')}
        value={formatBytes(ledger.database_bytes)}
        note={`PostgreSQL ${ledger.version.split(' ')[0]}, ${t(ledger.embedded ? 'storage.ledger.embedded' : 'storage.ledger.server')}`}
      />
    </div>
  );
}

const formatGrowth = (bytes: number | null): string =>
  bytes === null
    ? '–'
    : bytes < 0
      ? `−${formatBytes(Math.round(-bytes))}`
      : `+${formatBytes(Math.round(bytes))}`;

function Figure(props: { name: string; value: string; note?: string; tone?: string }) {
  return (
    <div className="panel storage-figure">
      <span className="dim">{props.name}</span>
      <strong className={props.tone ?? ''}>{props.value}</strong>
      <span className={props.tone ? props.tone : 'dim'}>{props.note}</span>
    </div>
  );
}

/** One colour for each of the largest, grey for the others. */
const colorOf = (rank: number): string => (rank < shownMax ? `var(--series-${rank})` : 'var(--control)');

function Bar({ shares, whole, names }: { shares: Share[]; whole: number; names: readonly string[] }) {
  return (
    <div className="storage-bar">
      {shares.map(({ name, label, bytes }) => (
        <i
          key={name}
          title={`${label}: ${formatBytes(bytes)}`}
          style={{
            width: `${(100 * bytes) / Math.max(1, whole)}%`,
            background: colorOf(names.includes(name) ? names.indexOf(name) : shownMax),
          }}
        />
      ))}
    </div>
  );
}

function Legend({ names, rest }: { names: readonly { name: string; label: string }[]; rest: string }) {
  return (
    <ul className="storage-legend">
      {names.map(({ name, label }, rank) => (
        <li key={name}>
          <i style={{ background: colorOf(rank) }} />
          {label}
        </li>
      ))}
      {rest !== '' && (
        <li>
          <i style={{ background: colorOf(shownMax) }} />
          {rest}
        </li>
      )}
    </ul>
  );
}

function Tenants({ tables }: { tables: TableUse[] }) {
  const { t } = useWords();
  const tenants = sharesByTenant(tables);
  const largest = tables.slice(0, shownMax);
  const names = largest.map(({ table }) => table);
  const whole = Math.max(1, ...tenants.map(({ bytes }) => bytes));
  return (
    <Panel title={t('storage.tenants')} aside={t('storage.tenants.aside')} testId="storage-tenants">
      {tenants.every(({ tenant }) => tenant === '') && (
        <Empty title={t('storage.empty')}>
          <p>{t('storage.empty.text')}</p>
          <HowToSend />
        </Empty>
      )}
      {tenants.map(({ tenant, bytes, tables: parts }) => (
        <div key={tenant} className="storage-tenant">
          <span className="storage-name">{tenant === '' ? t('storage.nobody') : tenant}</span>
          <Bar shares={topShares(parts, names, t('storage.other'))} whole={whole} names={names} />
          <span className="num">{formatBytes(bytes)}</span>
        </div>
      ))}
      <Legend
        names={largest.map(({ table }) => ({ name: table, label: table }))}
        rest={tables.length > shownMax ? t('storage.other') : ''}
      />
    </Panel>
  );
}

/** Columns of a day each: details and ledger, one above the other. */
function Days({ report }: { report: StorageReport }) {
  const { t } = useWords();
  const { days } = report;
  const most = Math.max(1, ...days.map(({ detail, ledger }) => detail + ledger));
  return (
    <Panel title={t('storage.days')} testId="storage-days">
      {days.length < 2 ? (
        <p className="dim storage-note">{t('storage.days.empty')}</p>
      ) : (
        <div className="storage-days">
          {days.map(({ day, detail, ledger }) => (
            <div
              key={day}
              className="storage-day"
              title={`${day} · ${t('storage.detail')} ${formatBytes(detail)} · ${t('storage.store.ledger')} ${formatBytes(ledger)}`}
            >
              <i style={{ height: `${(100 * ledger) / most}%`, background: 'var(--series-2)' }} />
              <i style={{ height: `${(100 * detail) / most}%`, background: 'var(--series-0)' }} />
            </div>
          ))}
        </div>
      )}
      {days.length >= 2 && (
        <div className="storage-axis dim">
          <span>{days[0]?.day}</span>
          <span>{formatBytes(most)}</span>
          <span>{days.at(-1)?.day}</span>
        </div>
      )}
      <ul className="storage-legend">
        <li>
          <i style={{ background: 'var(--series-0)' }} />
          {t('storage.detail')}
        </li>
        <li>
          <i style={{ background: 'var(--series-2)' }} />
          {t('storage.store.ledger')}
        </li>
      </ul>
    </Panel>
  );
}

function Tables({ tables }: { tables: TableUse[] }) {
  const { t } = useWords();
  const [all, setAll] = useState(false);
  const tenants = sharesByTenant(tables)
    .slice(0, shownMax)
    .map(({ tenant }) => tenant);
  const shown = all ? tables : tables.slice(0, tablesShown);
  const whole = Math.max(1, ...tables.map(({ bytes }) => bytes));
  const label = (tenant: string): string => (tenant === '' ? t('storage.nobody') : tenant);
  const sharesOf = (table: TableUse) =>
    topShares(
      table.tenants.map(({ tenant, bytes }) => ({ name: tenant, label: label(tenant), bytes })),
      tenants,
      t('storage.others'),
    );
  return (
    <Panel title={t('storage.tables')} testId="storage-tables">
      <table className="grid storage-table">
        <thead>
          <tr>
            <th>{t('storage.col.table')}</th>
            <th aria-label={t('storage.col.bytes')} />
            <th className="num">{t('storage.col.bytes')}</th>
            <th className="num">{t('storage.col.rows')}</th>
            <th className="num">{t('storage.col.growth')}</th>
            <th className="num">{t('storage.col.retention')}</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((table) => (
            <tr key={`${table.store} ${table.table}`}>
              <td>
                <span className="mono">{table.table}</span>{' '}
                <span className="dim">
                  {t(table.store === 'detail' ? 'storage.detail' : 'storage.store.ledger')}
                </span>
              </td>
              <td className="storage-cell">
                <Bar shares={sharesOf(table)} whole={whole} names={tenants} />
              </td>
              <td className="num nowrap">{formatBytes(table.bytes)}</td>
              <td className="num">{formatCount(table.rows)}</td>
              <td className="num nowrap">{formatGrowth(table.growth_per_day)}</td>
              <td className="num nowrap">
                {table.retention_days === null
                  ? t('storage.kept.ever')
                  : t('storage.kept.days', { days: formatCount(table.retention_days) })}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <div className="row storage-foot">
        <Legend
          names={tenants.map((tenant) => ({ name: tenant, label: label(tenant) }))}
          rest={sharesByTenant(tables).length > shownMax ? t('storage.others') : ''}
        />
        <span className="grow" />
        {tables.length > tablesShown && (
          <button type="button" className="button small" onClick={() => setAll(!all)}>
            {all ? t('storage.less') : t('storage.more', { n: tables.length })}
          </button>
        )}
      </div>
    </Panel>
  );
}

function Capabilities({ report }: { report: StorageReport }) {
  const { t, phrase } = useWords();
  return (
    <Panel title={t('storage.capabilities')} testId="storage-capabilities">
      <table className="grid">
        <tbody>
          {report.ledger.capabilities.map(({ name, present, trouble, message }) => (
            <tr key={name}>
              <td className="nowrap">
                <Health state={trouble ? 'suspect' : present ? 'ok' : 'no_data'} label={phrase(name)} />
              </td>
              <td className={trouble ? 'warn' : 'dim'}>{phrase(message)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
