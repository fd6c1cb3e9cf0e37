import { Link } from '@tanstack/react-router';
import type { ChangeRow } from '../api/types.ts';
import { useWords } from '../i18n/index.tsx';
import { now } from '../model/clock.ts';
import { formatNear } from '../model/format.ts';

/** Two minutes either side: what the logs said around a change. */
const aroundMs = 120_000;

export function ChangeLine({ row, note }: { row: ChangeRow; note?: string }) {
  const { changeKind } = useWords();
  return (
    <li className="change">
      <Link
        to="/logs"
        search={{
          ...(row.service === '' ? {} : { service: [row.service] }),
          from: row.at - aroundMs,
          to: row.at + aroundMs,
        }}
        className="mono changed"
      >
        {formatNear(row.at, now())}
      </Link>
      <span className="change-what">
        <b>{changeKind(row.kind)}</b> {row.service}
        <br />
        <span className="dim">{row.title}</span>
        {note !== undefined && note !== '' && <span className="change-note">{note}</span>}
      </span>
    </li>
  );
}
