/** Approve, reject, resume: who and why, sent with the version that was on screen. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { type CaseAction, runCaseAction } from '../../api/actions.ts';
import { ApiError, newKey } from '../../api/client.ts';
import type { CaseDetail } from '../../api/types.ts';
import { useWords } from '../../i18n/index.tsx';
import { actionsIn } from '../../model/casestate.ts';
import { useProblemText } from '../../panel/bits.tsx';
import { Dialog } from '../../panel/dialog.tsx';

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

const actorKey = 'clew.actor';

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
    mutationFn: (said: { actor: string; reason: string }) =>
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
  const [actor, setActor] = useState(() => localStorage.getItem(actorKey) ?? '');
  const [reason, setReason] = useState('');
  const [missing, setMissing] = useState<'actor' | 'reason' | null>(null);
  const action = useAction(props, props.close);
  const { kind, detail } = props;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const said = { actor: actor.trim(), reason: reason.trim() };
    const lacking = said.actor === '' ? 'actor' : said.reason === '' && kind !== 'approve' ? 'reason' : null;
    setMissing(lacking);
    if (lacking !== null) return;
    localStorage.setItem(actorKey, said.actor);
    action.mutate(said);
  };
  const steps = detail.plan?.steps.map((step) => step.title ?? step.action).join(', ') ?? '';
  return (
    <Dialog title={t(`case.${kind}.title`)} close={props.close}>
      <form onSubmit={submit} className="action-form" data-testid="action-form">
        <p>{t(`case.${kind}.text`, { steps })}</p>
        <label className="field">
          {t('case.actor')}
          <input
            value={actor}
            maxLength={100}
            onChange={(event) => setActor(event.target.value)}
            data-testid="action-actor"
          />
        </label>
        <label className="field">
          {t('case.reason')}
          <textarea
            rows={2}
            maxLength={1_000}
            value={reason}
            onChange={(event) => setReason(event.target.value)}
            data-testid="action-reason"
          />
        </label>
        {missing !== null && (
          <p className="bad" role="alert">
            {t(`case.${missing}.needed`)}
          </p>
        )}
        {action.error !== null && missing === null && <Refused error={action.error} />}
        <div className="dialog-buttons">
          <button type="button" className="button" onClick={props.close}>
            {t('action.cancel')}
          </button>
          <button
            type="submit"
            className="button primary"
            disabled={action.isPending}
            data-testid="action-submit"
          >
            {action.isPending ? t('case.sending') : t(`case.${kind}`)}
          </button>
        </div>
      </form>
    </Dialog>
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
