/** Who changes a pattern and why, and the change itself. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useState } from 'react';
import { type Change, runChange } from '../../api/patterns.ts';
import { useWords } from '../../i18n/index.tsx';
import { useProblemText } from '../../panel/bits.tsx';
import { Dialog } from '../../panel/dialog.tsx';

const actorKey = 'clew.actor';

export interface Asking {
  change: Change;
  text: string;
}

/** A change and a person's word for it. `children` are the fields of the change itself. */
export function ChangeForm(props: {
  change: Change;
  title: string;
  text: string;
  close: () => void;
  done?: (shown: string | null) => void;
  children?: ReactNode;
  wide?: boolean;
}) {
  const { t } = useWords();
  const client = useQueryClient();
  const textOf = useProblemText();
  const [actor, setActor] = useState(() => localStorage.getItem(actorKey) ?? '');
  const [reason, setReason] = useState('');
  const [missing, setMissing] = useState(false);
  const action = useMutation({
    mutationFn: () => runChange(props.change, { actor: actor.trim(), reason: reason.trim() }),
    onSuccess: async (shown) => {
      await client.invalidateQueries({
        predicate: ({ queryKey }) => String(queryKey[0]).startsWith('pattern'),
      });
      props.close();
      props.done?.(shown);
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setMissing(actor.trim() === '');
    if (actor.trim() === '') return;
    localStorage.setItem(actorKey, actor.trim());
    action.mutate();
  };
  return (
    <Dialog title={props.title} close={props.close} className={props.wide ? 'patterns-dialog' : ''}>
      <form onSubmit={submit} className="action-form" data-testid="pattern-form">
        <p>{props.text}</p>
        {props.children}
        <label className="field">
          {t('case.actor')}
          <input
            value={actor}
            maxLength={100}
            onChange={(event) => setActor(event.target.value)}
            data-testid="pattern-actor"
          />
        </label>
        <label className="field">
          {t('pat.form.reason')}
          <textarea
            rows={2}
            maxLength={1_000}
            value={reason}
            onChange={(event) => setReason(event.target.value)}
          />
        </label>
        {missing && (
          <p className="bad" role="alert">
            {t('case.actor.needed')}
          </p>
        )}
        {action.error !== null && !missing && (
          <p className="bad" role="alert">
            {textOf(action.error)}
          </p>
        )}
        <div className="dialog-buttons">
          <button type="button" className="button" onClick={props.close}>
            {t('action.cancel')}
          </button>
          <button
            type="submit"
            className="button primary"
            disabled={action.isPending}
            data-testid="pattern-submit"
          >
            {action.isPending ? t('case.sending') : t(`pat.form.${props.change.kind}`)}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

export function RenameForm(props: { id: string; name: string; close: () => void }) {
  const { t } = useWords();
  const [name, setName] = useState(props.name);
  return (
    <ChangeForm
      change={{ kind: 'rename', id: props.id, name: name.trim() }}
      title={t('pat.form.rename')}
      text={t('pat.form.rename.text')}
      close={props.close}
    >
      <label className="field">
        {t('pat.form.rename.name')}
        <input
          value={name}
          maxLength={200}
          onChange={(event) => setName(event.target.value)}
          data-testid="pattern-name"
        />
      </label>
    </ChangeForm>
  );
}

export function SplitForm(props: {
  id: string;
  shapes: string[];
  close: () => void;
  done: (shown: string | null) => void;
}) {
  const { t } = useWords();
  const [template, setTemplate] = useState('');
  return (
    <ChangeForm
      change={{ kind: 'split', id: props.id, shapes: props.shapes, template: template.trim() }}
      title={t('pat.form.split')}
      text={t('pat.form.split.text', { n: props.shapes.length })}
      close={props.close}
      done={props.done}
    >
      <label className="field">
        {t('pat.form.split.template')}
        <input
          className="mono"
          value={template}
          maxLength={4_096}
          onChange={(event) => setTemplate(event.target.value)}
        />
      </label>
    </ChangeForm>
  );
}
