/** The lines in view: pages downwards on scroll, new ones on top while live, held back while a person reads. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { fetchLogs, type LogPage, tailPollMs } from '../../api/queries.ts';
import type { LogRow } from '../../api/types.ts';
import type { LogFilter } from '../../model/logfilter.ts';
import type { FrameSearch, Window } from '../../model/range.ts';
import { merge } from '../../model/tail.ts';
import { noteNewest } from '../../panel/freshness.ts';

export interface Lines {
  rows: LogRow[];
  waiting: number;
  loading: boolean;
  ended: boolean;
  error: unknown;
  more: () => void;
  release: () => void;
  reload: () => void;
}

interface State {
  rows: LogRow[];
  held: LogRow[];
  window: Window | null;
  cursor: string | null;
  loading: boolean;
  error: unknown;
}

const blank: State = { rows: [], held: [], window: null, cursor: null, loading: true, error: null };

const firstPage = (page: LogPage): State => ({
  rows: page.rows,
  held: [],
  window: page.window,
  cursor: page.cursor,
  loading: false,
  error: null,
});

export function useLines(frame: FrameSearch, filter: LogFilter, live: boolean, reading: boolean): Lines {
  const [state, setState] = useState<State>(blank);
  const [round, setRound] = useState(0);
  const busy = useRef(false);
  const readingNow = useRef(reading);
  readingNow.current = reading;
  useEffect(() => {
    const abort = new AbortController();
    setState((old) => ({ ...old, loading: true, error: null, held: [] }));
    fetchLogs(frame, filter, null, abort.signal)
      .then((page) => {
        noteNewest(page.rows[0]?.at);
        setState(firstPage(page));
      })
      .catch((error: unknown) => {
        if (!abort.signal.aborted) setState((old) => ({ ...old, rows: [], loading: false, error }));
      });
    return () => abort.abort();
    // `round` asks again on purpose.
  }, [frame, filter, round]);
  useTail(live, frame, filter, readingNow, setState);
  const more = useCallback((): void => {
    const { cursor, window, loading } = state;
    if (busy.current || loading || cursor === null || window === null) return;
    busy.current = true;
    fetchLogs(frame, filter, { window, cursor })
      .then((page) =>
        setState((old) => ({ ...old, rows: merge(page.rows, old.rows).rows, cursor: page.cursor })),
      )
      .catch((error: unknown) => setState((old) => ({ ...old, error })))
      .finally(() => {
        busy.current = false;
      });
  }, [frame, filter, state]);
  const release = useCallback(
    () => setState((old) => ({ ...old, rows: merge(old.held, old.rows).rows, held: [] })),
    [],
  );
  return {
    rows: state.rows,
    waiting: state.held.length,
    loading: state.loading,
    ended: state.cursor === null,
    error: state.error,
    more,
    release,
    reload: () => setRound((n) => n + 1),
  };
}

/** Asks for the newest page every two seconds. While somebody reads, new lines are held and counted. */
function useTail(
  live: boolean,
  frame: FrameSearch,
  filter: LogFilter,
  reading: { current: boolean },
  setState: (change: (old: State) => State) => void,
): void {
  useEffect(() => {
    if (!live) return;
    const abort = new AbortController();
    let asking = false;
    const ask = async (): Promise<void> => {
      if (asking || document.hidden) return;
      asking = true;
      try {
        const page = await fetchLogs(frame, filter, null, abort.signal);
        noteNewest(page.rows[0]?.at);
        setState((old) => added(old, page.rows, reading.current));
      } catch (error) {
        if (!abort.signal.aborted) setState((old) => ({ ...old, error }));
      } finally {
        asking = false;
      }
    };
    const timer = setInterval(() => void ask(), tailPollMs);
    return () => {
      clearInterval(timer);
      abort.abort();
    };
  }, [live, frame, filter, reading, setState]);
}

function added(old: State, rows: LogRow[], reading: boolean): State {
  if (!reading) return { ...old, error: null, rows: merge([...rows, ...old.held], old.rows).rows, held: [] };
  const shown = new Set(old.rows.map((row) => row.event_id));
  const unseen = rows.filter((row) => !shown.has(row.event_id));
  return { ...old, error: null, held: merge(unseen, old.held).rows };
}
