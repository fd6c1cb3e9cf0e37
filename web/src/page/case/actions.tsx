/** Approve, reject, resume: who and why, sent with the version that was on screen. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { type CaseAction, runCaseAction } from '../../api/actions.ts';
import { ApiError, newKey } from '../../api/client.ts';
import type { CaseDetail } from '../../api/types.ts';
import { useWords } from '../../i18n/index.tsx';
import { actionsIn } from '../../model/casestate.ts';
import { useProblemText } from '../../panel/bits.tsx';
import { type Said, SaidForm } from '../../panel/saidform.tsx';

type Kind = CaseAction['kind'];

export function CaseActions({ detail }: { detail: CaseDetail }) {
  const { t } = useWords();
  const [form, setForm] = useState<{ kind: Kind; key: string } | null>(null);
  const kinds = actionsIn(detail.status);
  if (kinds.length === 0 && form === null) return null;
  return (
    <div className="case-actions">
      {kinds.map((kind) => (
        <button
          type="button"
          key={kind}
          className={`button ${kind === 'reject' ? '' : 'primary'}`}
          onClick={() => setForm({ kind, key: newKey() })}
          data-testid={kind}
        >
          {t(`case.${kind}`)}
        </button>
      ))}
      {form !== null && (
        <ActionForm
          detail={detail}
          kind={form.kind}
          idempotencyKey={form.key}
          renewKey={() => setForm({ kind: form.kind, key: newKey() })}
          close={() => setForm(null)}
        />
      )}
    </div>
  );
}

/** What the server refused, said for a person; its own words follow. */
function useRefusal(): (error: unknown) => string[] {
  const { t } = useWords();
  const textOf = useProblemText();
  return (error) => {
    const own = textOf(error);
    if (!(error instanceof ApiError)) return [own];
    if (error.status === 409) return [t('case.error.409'), own];
    if (error.status === 412) return [t('case.error.412'), own];
    if (error.status === 422) return [t('case.error.422'), own];
    return [own];
  };
}

function useAction(
  props: { detail: CaseDetail; kind: Kind; idempotencyKey: string; renewKey: () => void },
  done: () => void,
) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (said: Said) =>
      runCaseAction({
        kind: props.kind,
        caseId: props.detail.id,
        version: props.detail.version,
        key: props.idempotencyKey,
        ...said,
      }),
    onSuccess: done,
    // A refused request is over; what is pressed next, with what is fresh then, is another one.
    onError: props.renewKey,
    onSettled: async () => {
      await client.invalidateQueries({ queryKey: ['case', props.detail.id] });
      await client.invalidateQueries({ queryKey: ['case-timeline', props.detail.id] });
    },
  });
}

interface FormProps {
  detail: CaseDetail;
  kind: Kind;
  idempotencyKey: string;
  renewKey: () => void;
  close: () => void;
}

function ActionForm(props: FormProps) {
  const { t } = useWords();
  const action = useAction(props, props.close);
  const { kind, detail } = props;
  const steps = detail.plan?.steps.map((step) => step.title ?? step.action).join(', ') ?? '';
  return (
    <SaidForm
      title={t(`case.${kind}.title`)}
      text={t(`case.${kind}.text`, { steps })}
      reasonLabel={t('case.reason')}
      reasonNeeded={kind !== 'approve'}
      submitLabel={t(`case.${kind}`)}
      busy={action.isPending}
      refused={action.error === null ? null : <Refused error={action.error} />}
      testId="action"
      submit={(said) => action.mutate(said)}
      close={props.close}
    />
  );
}

function Refused({ error }: { error: unknown }) {
  const refusal = useRefusal();
  return (
    <div role="alert" className="refused" data-testid="action-error">
      {refusal(error).map((text, i) => (
        <p key={text} className={i === 0 ? 'bad' : 'dim'}>
          {text}
        </p>
      ))}
    </div>
  );
}
