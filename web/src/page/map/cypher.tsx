/** Questions in Cypher to the graph of active calls, where there is one. */
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { cypher } from '../../api/queries.ts';
import { useT } from '../../i18n/index.tsx';
import { Problem } from '../../panel/bits.tsx';

const example =
  'MATCH (a)-[c:CALLS]->(b)\nRETURN a.name, b.name, c.rps, c.err_rate, c.p95\nORDER BY c.err_rate DESC LIMIT 20';

const shownOf = (value: unknown): string =>
  typeof value === 'number'
    ? String(Math.round(value * 1_000) / 1_000)
    : typeof value === 'string'
      ? value
      : JSON.stringify(value);

export function CypherPanel({ close }: { close: () => void }) {
  const t = useT();
  const [text, setText] = useState(example);
  const asked = useMutation({ mutationFn: cypher });
  const answer = asked.data?.data;
  return (
    <section className="map-cypher panel" data-testid="map-cypher">
      <header className="panel-head">
        <h2>Cypher</h2>
        <span className="dim grow">{t('map.cypher.about')}</span>
        <button type="button" className="button small" onClick={close} aria-label={t('map.cypher.close')}>
          ✕
        </button>
      </header>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          asked.mutate(text);
        }}
      >
        <textarea
          className="mono"
          value={text}
          rows={3}
          spellCheck={false}
          aria-label={t('map.cypher.question')}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) asked.mutate(text);
          }}
        />
        <button type="submit" className="button" disabled={asked.isPending} data-testid="map-cypher-ask">
          {t(asked.isPending ? 'map.cypher.running' : 'map.cypher.ask')}
        </button>
      </form>
      {asked.error !== null && <Problem error={asked.error} />}
      {answer !== undefined && answer.rows.length === 0 && <p className="dim">{t('map.cypher.none')}</p>}
      {answer !== undefined && answer.rows.length > 0 && (
        <div className="map-cypher-rows">
          <table className="data">
            <thead>
              <tr>
                {answer.columns.map((column) => (
                  <th key={column}>{column}</th>
                ))}
              </tr>
            </thead>
            <tbody>
              {answer.rows.map((row) => (
                <tr key={JSON.stringify(row)}>
                  {answer.columns.map((column, index) => (
                    <td key={column} className={typeof row[index] === 'number' ? 'num' : 'clip'}>
                      {shownOf(row[index])}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
          {answer.truncated && <p className="dim">{t('map.cypher.more')}</p>}
        </div>
      )}
    </section>
  );
}
