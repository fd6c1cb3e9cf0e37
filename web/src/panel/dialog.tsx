import { type ReactNode, useEffect, useRef } from 'react';
import { useT } from '../i18n/index.tsx';

/** The browser's own modal dialog: focus stays inside, Escape closes, a click beside it closes. */
export function Dialog(props: { title: string; close: () => void; children: ReactNode; className?: string }) {
  const t = useT();
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    if (dialog !== null && !dialog.open) dialog.showModal();
  }, []);
  return (
    // Keyboard users close it with Escape, which the dialog handles itself.
    // biome-ignore lint/a11y/useKeyWithClickEvents: see above
    <dialog
      ref={ref}
      className={`dialog ${props.className ?? ''}`}
      aria-label={props.title}
      onClose={props.close}
      onClick={(event) => {
        if (event.target === ref.current) props.close();
      }}
    >
      <div className="dialog-body">
        <header className="dialog-head">
          <h2>{props.title}</h2>
          <button type="button" className="button quiet" onClick={props.close} aria-label={t('action.close')}>
            ✕
          </button>
        </header>
        {props.children}
      </div>
    </dialog>
  );
}
