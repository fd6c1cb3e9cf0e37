/** The smallest pieces: marks, chips, empty and failed states, key-value lists. */
import { useRouter } from '@tanstack/react-router';
import { Fragment, type MouseEvent, type ReactNode, useState } from 'react';
import { ApiError } from '../api/client.ts';
import { useT, useWords } from '../i18n/index.tsx';
import { formatCount } from '../model/format.ts';

export function Panel(props: {
  title: ReactNode;
  aside?: ReactNode;
  children: ReactNode;
  className?: string;
  testId?: string;
  id?: string;
}) {
  return (
    <section id={props.id} className={`panel ${props.className ?? ''}`} data-testid={props.testId}>
      <header className="panel-head">
        <h2>{props.title}</h2>
        {props.aside !== undefined && <div className="panel-aside">{props.aside}</div>}
      </header>
      {props.children}
    </section>
  );
}

/** Health by shape and word; the colour only repeats it. */
export function Health({ state, label }: { state: string; label?: string }) {
  const { word } = useWords();
  return (
    <span className={`health health-${state}`}>
      <svg viewBox="0 0 10 10" aria-hidden="true">
        {state === 'failing' && (
          <path d="M1 1 L9 9 M9 1 L1 9" strokeWidth="2.200" fill="none" stroke="currentColor" />
        )}
        {state === 'suspect' && <path d="M5 0.800 L9.500 9 L0.500 9 Z" fill="currentColor" />}
        {state === 'ok' && <circle cx="5" cy="5" r="3.800" fill="currentColor" />}
        {(state === 'no_data' || state === 'explained') && (
          <circle cx="5" cy="5" r="3.300" fill="none" stroke="currentColor" strokeWidth="1.500" />
        )}
      </svg>
      {label ?? word('health', state)}
    </span>
  );
}

export const Severity = ({ severity, label = severity }: { severity: string; label?: string }) => (
  <span className={`severity severity-${severity.toLowerCase()}`}>{label}</span>
);

export function Skeleton({ rows = 8, height = 12 }: { rows?: number; height?: number }) {
  return (
    <div className="skeleton" aria-hidden="true">
      {Array.from({ length: rows }, (_, i) => (
        // Rows of a skeleton have no identity; their place is their key.
        <div key={i} style={{ height, width: `${92 - ((i * 37) % 41)}%` }} />
      ))}
    </div>
  );
}

export function Empty({ title, children }: { title: ReactNode; children?: ReactNode }) {
  return (
    <div className="empty" role="status">
      <p className="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** Why it failed and what to do next, in the server's words where it had some. */
export function useProblemText(): (error: unknown) => string {
  const t = useT();
  return (error) => {
    if (error instanceof ApiError && error.code === 'unreachable') return t('error.unreachable');
    if (error instanceof ApiError && error.code === 'timeout' && error.status === 0)
      return t('error.timeout');
    return error instanceof Error ? error.message : String(error);
  };
}

export function Problem({ error, retry }: { error: unknown; retry?: () => void }) {
  const t = useT();
  const textOf = useProblemText();
  if (error instanceof ApiError && error.code === 'forbidden')
    return (
      <Empty title={t('error.forbidden.title')}>
        <p>{t('error.forbidden')}</p>
      </Empty>
    );
  return (
    <div className="problem" role="alert">
      <p className="problem-title">{t('error.title')}</p>
      <p>{textOf(error)}</p>
      {error instanceof ApiError && error.traceId !== '' && (
        <p className="dim mono">{t('error.trace', { id: error.traceId })}</p>
      )}
      {retry && (
        <button type="button" className="button" onClick={retry}>
          {t('action.retry')}
        </button>
      )}
    </div>
  );
}

/** A link whose address the server wrote, opened inside the console. */
export function HrefLink(props: { href: string; children: ReactNode; className?: string; testId?: string }) {
  const router = useRouter();
  const go = (event: MouseEvent<HTMLAnchorElement>): void => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    if (!props.href.startsWith('/') || props.href.startsWith('//')) return;
    event.preventDefault();
    router.history.push(props.href);
  };
  return (
    <a href={props.href} className={props.className} data-testid={props.testId} onClick={go}>
      {props.children}
    </a>
  );
}

export function CopyButton({ text }: { text: string }) {
  const t = useT();
  const [done, setDone] = useState(false);
  const copy = (): void => {
    void navigator.clipboard?.writeText(text).then(() => setDone(true));
  };
  return (
    <button type="button" className="button small" onClick={copy} onBlur={() => setDone(false)}>
      {done ? t('action.copied') : t('action.copy')}
    </button>
  );
}

export type ValueClick = (key: string, value: string, exclude: boolean) => void;

/** A dotted name may break after a dot, rather than anywhere. */
const Breakable = ({ text }: { text: string }) => (
  <>
    {text.split(/(?<=[._/])/).map((part, i) => (
      // The parts have no identity but their place.
      <Fragment key={i}>
        {part}
        <wbr />
      </Fragment>
    ))}
  </>
);

/** Attributes as rows; with `onPick` a value is a button: click includes it, Alt-click excludes it. */
export function KeyValues({ values, onPick }: { values: Record<string, unknown>; onPick?: ValueClick }) {
  const t = useT();
  const entries = Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
  if (entries.length === 0) return <p className="dim">{t('logs.detail.none')}</p>;
  return (
    <dl className="keyvalues">
      {entries.map(([key, value]) => {
        const text = typeof value === 'string' ? value : JSON.stringify(value);
        return (
          <div key={key} className={text.length > 120 || text.includes('\n') ? 'long' : ''}>
            <dt>
              <Breakable text={key} />
            </dt>
            <dd>
              {onPick ? (
                <button
                  type="button"
                  className="value"
                  title={t('logs.facet.hint')}
                  onClick={(event) => onPick(key, text, event.altKey)}
                >
                  {text}
                </button>
              ) : (
                text
              )}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

export const Count = ({ value }: { value: number }) => <span className="num">{formatCount(value)}</span>;
