/** A change that a person makes under their name: the fields of the change, who, and why. */
import { type FormEvent, type ReactNode, useState } from 'react';
import { useWords } from '../i18n/index.tsx';
import { Dialog } from './dialog.tsx';

export interface Said {
  actor: string;
  reason: string;
}

const actorKey = 'clew.actor';

export function SaidForm(props: {
  title: string;
  text: string;
  /** What the reason is kept for. */
  reasonLabel: string;
  reasonNeeded: boolean;
  submitLabel: string;
  busy: boolean;
  /** What went wrong, said for a person; null before. */
  refused: ReactNode;
  /** Prefix of the test ids: `action` makes `action-actor`. */
  testId: string;
  className?: string;
  submit: (said: Said) => void;
  close: () => void;
  children?: ReactNode;
}) {
  const { t } = useWords();
  const [actor, setActor] = useState(() => localStorage.getItem(actorKey) ?? '');
  const [reason, setReason] = useState('');
  const [missing, setMissing] = useState<keyof Said | null>(null);
  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    const said = { actor: actor.trim(), reason: reason.trim() };
    const lacking = said.actor === '' ? 'actor' : props.reasonNeeded && said.reason === '' ? 'reason' : null;
    setMissing(lacking);
    if (lacking !== null) return;
    localStorage.setItem(actorKey, said.actor);
    props.submit(said);
  };
  return (
    <Dialog title={props.title} close={props.close} className={props.className ?? ''}>
      <form onSubmit={onSubmit} className="action-form" data-testid={`${props.testId}-form`}>
        <p>{props.text}</p>
        {props.children}
        <label className="field">
          {t('case.actor')}
          <input
            value={actor}
            maxLength={100}
            onChange={(event) => setActor(event.target.value)}
            data-testid={`${props.testId}-actor`}
          />
        </label>
        <label className="field">
          {props.reasonLabel}
          <textarea
            rows={2}
            maxLength={1_000}
            value={reason}
            onChange={(event) => setReason(event.target.value)}
            data-testid={`${props.testId}-reason`}
          />
        </label>
        {missing === null ? (
          props.refused
        ) : (
          <p className="bad" role="alert">
            {t(`case.${missing}.needed`)}
          </p>
        )}
        <div className="dialog-buttons">
          <button type="button" className="button" onClick={props.close}>
            {t('action.cancel')}
          </button>
          <button
            type="submit"
            className="button primary"
            disabled={props.busy}
            data-testid={`${props.testId}-submit`}
          >
            {props.busy ? t('case.sending') : props.submitLabel}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
