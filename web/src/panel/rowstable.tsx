import { tableOf } from '../model/rowstable.ts';

/** Raw rows in the columns of their store, values uncut on hover. */
export function RowsTable({ rows }: { rows: readonly Record<string, unknown>[] }) {
  const table = tableOf(rows);
  return (
    <div className="rowstable">
      <table className="raw">
        <thead>
          <tr>
            {table.columns.map((column) => (
              <th key={column}>{column}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.lines.map((line) => (
            <tr key={line.key}>
              {line.cells.map((cell, i) => (
                <td key={table.columns[i]} title={cell}>
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
