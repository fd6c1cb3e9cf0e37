/** Who changes a pattern and why, and the change itself. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { type Change, runChange } from '../../api/patterns.ts';
import { useWords } from '../../i18n/index.tsx';
import { useProblemText } from '../../panel/bits.tsx';
import { type Said, SaidForm } from '../../panel/saidform.tsx';

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
  const action = useMutation({
    mutationFn: (said: Said) => runChange(props.change, said),
    onSuccess: async (shown) => {
      await client.invalidateQueries({
        predicate: ({ queryKey }) => String(queryKey[0]).startsWith('pattern'),
      });
      props.close();
      props.done?.(shown);
    },
  });
  return (
    <SaidForm
      title={props.title}
      text={props.text}
      reasonLabel={t('pat.form.reason')}
      reasonNeeded={false}
      submitLabel={t(`pat.form.${props.change.kind}`)}
      busy={action.isPending}
      refused={
        action.error === null ? null : (
          <p className="bad" role="alert">
            {textOf(action.error)}
          </p>
        )
      }
      testId="pattern"
      className={props.wide ? 'patterns-dialog' : ''}
      submit={(said) => action.mutate(said)}
      close={props.close}
    >
      {props.children}
    </SaidForm>
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
