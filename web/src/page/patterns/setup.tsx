import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { type Setup, trySetup } from '../../api/patterns.ts';
import { useWords } from '../../i18n/index.tsx';
import { formatCount } from '../../model/format.ts';
import { useProblemText } from '../../panel/bits.tsx';
import { ChangeForm } from './forms.tsx';
import { Template } from './template.tsx';

const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

/** Field, ignored keys and masks of an application, tried on its messages before they are kept. */
export function SetupForm(props: { service: string; setup: Setup | null; close: () => void }) {
  const { t } = useWords();
  const [field, setField] = useState(props.setup?.field ?? '');
  const [ignore, setIgnore] = useState(props.setup?.ignore.join('\n') ?? '');
  const [masks, setMasks] = useState(props.setup?.masks.join('\n') ?? '');
  const [restart, setRestart] = useState(true);
  const given: Setup = { field: field.trim(), ignore: linesOf(ignore), masks: linesOf(masks) };
  const isEmpty = given.field === '' && given.ignore.length + given.masks.length === 0;
  return (
    <ChangeForm
      change={{ kind: 'setup', service: props.service, setup: isEmpty ? null : given, restart }}
      title={t('pat.setup.title', { service: props.service || t('pat.setup.all') })}
      text=""
      close={props.close}
      wide
    >
      <label className="field">
        {t('pat.setup.masks')}
        <textarea
          className="mono"
          rows={4}
          value={masks}
          placeholder={'\\bORD-[A-Z]{3}\\b'}
          onChange={(event) => setMasks(event.target.value)}
          data-testid="pattern-masks"
        />
      </label>
      <label className="field">
        {t('pat.setup.ignore')}
        <textarea
          className="mono"
          rows={2}
          value={ignore}
          onChange={(event) => setIgnore(event.target.value)}
        />
      </label>
      <label className="field">
        {t('pat.setup.field')}
        <input
          className="mono"
          value={field}
          placeholder="msg"
          onChange={(event) => setField(event.target.value)}
        />
      </label>
      {props.service !== '' && <Trial service={props.service} setup={given} />}
      <label className="row">
        <input type="checkbox" checked={restart} onChange={(event) => setRestart(event.target.checked)} />
        {t('pat.setup.restart')}
      </label>
    </ChangeForm>
  );
}

function Trial({ service, setup }: { service: string; setup: Setup }) {
  const { t } = useWords();
  const textOf = useProblemText();
  const tried = useMutation({ mutationFn: () => trySetup(service, setup) });
  return (
    <div className="patterns-trial">
      <button
        type="button"
        className="button"
        disabled={tried.isPending}
        onClick={() => tried.mutate()}
        data-testid="pattern-try"
      >
        {t('pat.setup.try')}
      </button>
      {tried.error !== null && (
        <p className="bad" role="alert">
          {textOf(tried.error)}
        </p>
      )}
      {tried.data && (
        <>
          <p role="status">
            {t('pat.setup.tried', {
              messages: formatCount(tried.data.messages),
              plain: formatCount(tried.data.templates_plain),
              n: formatCount(tried.data.templates),
            })}
          </p>
          <ul className="patterns-shapes">
            {tried.data.examples.slice(0, 20).map((each) => (
              <li key={each.template} title={each.example}>
                <Template text={each.template} />
                <span className="grow" />
                <span className="num">{formatCount(each.count)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
