/** Dead letters grouped by reason, and the drawer in which they are looked at, mended and sent again. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import {
  changeLetters,
  type LetterChoice,
  type LetterFix,
  type LetterGroup,
  type LetterResult,
  type LetterRow,
  letterQuery,
  lettersQuery,
} from '../../api/intake.ts';
import { livePollMs } from '../../api/queries.ts';
import { useWords } from '../../i18n/index.tsx';
import { now } from '../../model/clock.ts';
import { formatBytes, formatCount, formatMoment, formatNear } from '../../model/format.ts';
import { Empty, Panel, Problem, Skeleton } from '../../panel/bits.tsx';
import { Dialog } from '../../panel/dialog.tsx';
import { useFrame } from '../../panel/frame.ts';

export function DeadLetters() {
  const { t, length } = useWords();
  const { frame, poll, span } = useFrame();
  const [open, setOpen] = useState<LetterGroup | null>(null);
  const query = useQuery(lettersQuery(frame, {}, poll(livePollMs)));
  const groups = query.data?.groups;
  return (
    <Panel title={t('letters.title')} aside={length(span)} testId="dead-letters">
      {query.error !== null && <Problem error={query.error} retry={() => void query.refetch()} />}
      {groups === undefined && query.error === null && <Skeleton rows={4} />}
      {groups?.length === 0 && (
        <Empty title={t('letters.empty')}>
          <p>{t('letters.empty.text')}</p>
        </Empty>
      )}
      {groups !== undefined && groups.length > 0 && (
        <table className="grid">
          <thead>
            <tr>
              <th className="num">{t('letters.col.count')}</th>
              <th>{t('letters.col.source')}</th>
              <th>{t('letters.col.reason')}</th>
              <th className="num">{t('letters.col.bytes')}</th>
              <th className="num">{t('letters.col.last')}</th>
            </tr>
          </thead>
          <tbody>
            {groups.map((group) => (
              <tr key={`${group.source} ${group.reason}`}>
                <td className="num">{formatCount(group.letters)}</td>
                <td className="mono nowrap">{group.source}</td>
                <td>
                  <button type="button" className="value intake-reason" onClick={() => setOpen(group)}>
                    {group.reason}
                  </button>
                </td>
                <td className="num nowrap">{formatBytes(group.bytes)}</td>
                <td className="num nowrap">{formatNear(group.last, now())}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {open && <Drawer group={open} close={() => setOpen(null)} />}
    </Panel>
  );
}

/** The longest part of a group's reason that its letters have word for word. */
function literalOf(reason: string): string {
  const parts = reason.split(/"?<\*>"?/);
  return parts.reduce((longest, part) => (part.length > longest.length ? part : longest), '');
}

function choiceOf(group: LetterGroup): LetterChoice {
  const reason = literalOf(group.reason);
  return { source: group.source, ...(reason === '' ? {} : { reason }) };
}

function Drawer({ group, close }: { group: LetterGroup; close: () => void }) {
  const { t } = useWords();
  const { frame } = useFrame();
  const client = useQueryClient();
  const query = useQuery(lettersQuery(frame, choiceOf(group), false));
  const letters = query.data?.letters ?? [];
  const total = query.data?.groups.reduce((sum, each) => sum + each.letters, 0) ?? group.letters;
  const [chosen, setChosen] = useState<string | null>(null);
  const [fix, setFix] = useState<Mending>(nothing);
  const shown = letters.find(({ id }) => id === chosen) ?? letters[0];
  const action = useMutation({
    mutationFn: (wanted: { action: 'replay' | 'discard'; ids: string[] }) =>
      changeLetters(wanted.action, wanted.ids, fixesOf(fix)),
    onSettled: () => client.invalidateQueries({ queryKey: ['dead-letters'] }),
  });
  const all = letters.map(({ id }) => id);
  return (
    <Dialog title={group.reason} close={close} className="intake-drawer">
      <p className="dim">{t('letters.shown', { n: letters.length, of: total })}</p>
      {query.error !== null && <Problem error={query.error} />}
      <div className="intake-drawer-body">
        <ul className="intake-list">
          {letters.map((letter) => (
            <li key={letter.id}>
              <button
                type="button"
                className={`button quiet ${letter.id === shown?.id ? 'chosen' : ''}`}
                onClick={() => setChosen(letter.id)}
              >
                {formatMoment(letter.at)} <span className="dim">{formatBytes(letter.bytes)}</span>
              </button>
            </li>
          ))}
        </ul>
        {shown && <Letter letter={shown} />}
      </div>
      <Mend value={fix} change={setFix} text={shown?.encoding !== 'hex'} />
      <div className="row">
        <button
          type="button"
          className="button primary"
          disabled={shown === undefined || !shown.replayable || action.isPending}
          onClick={() => shown && action.mutate({ action: 'replay', ids: [shown.id] })}
        >
          {t('letters.replay')}
        </button>
        <button
          type="button"
          className="button"
          disabled={all.length === 0 || action.isPending}
          onClick={() => action.mutate({ action: 'replay', ids: all })}
        >
          {t('letters.replay.all', { n: all.length })}
        </button>
        <span className="grow" />
        <button
          type="button"
          className="button"
          disabled={all.length === 0 || action.isPending}
          onClick={() => action.mutate({ action: 'discard', ids: all })}
        >
          {t('letters.discard.all', { n: all.length })}
        </button>
      </div>
      {shown && !shown.replayable && <p className="warn">{t('letters.not_replayable')}</p>}
      {action.error !== null && <Problem error={action.error} />}
      {action.data && <Results results={action.data} />}
    </Dialog>
  );
}

function Letter({ letter }: { letter: LetterRow }) {
  const whole = useQuery(letterQuery(letter.id));
  const payload = whole.data?.payload ?? letter.payload;
  return (
    <div className="intake-letter">
      <p>{letter.reason}</p>
      <p className="dim mono">
        {letter.source} · {letter.content_type}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a long payload is scrolled with the keyboard */}
      <pre className={`mono ${letter.encoding}`} tabIndex={0}>
        {payload}
      </pre>
    </div>
  );
}

interface Mending {
  find: string;
  with: string;
  regex: boolean;
  contentType: string;
}
const nothing: Mending = { find: '', with: '', regex: false, contentType: '' };

function fixesOf({ find, with: to, regex, contentType }: Mending): LetterFix[] {
  const fixes: LetterFix[] = [];
  if (find !== '') fixes.push({ op: regex ? 'replace_regex' : 'replace', find, with: to });
  if (contentType !== '') fixes.push({ op: 'content_type', value: contentType });
  return fixes;
}

function Mend(props: { value: Mending; change: (value: Mending) => void; text: boolean }) {
  const { t } = useWords();
  const { value, change } = props;
  return (
    <fieldset className="intake-mend">
      <legend>{t('letters.mend')}</legend>
      {props.text ? (
        <>
          <label className="field">
            {t('letters.find')}
            <input
              className="mono"
              value={value.find}
              onChange={(event) => change({ ...value, find: event.target.value })}
            />
          </label>
          <label className="field">
            {t('letters.with')}
            <input
              className="mono"
              value={value.with}
              onChange={(event) => change({ ...value, with: event.target.value })}
            />
          </label>
          <label className="row">
            <input
              type="checkbox"
              checked={value.regex}
              onChange={(event) => change({ ...value, regex: event.target.checked })}
            />
            {t('letters.regex')}
          </label>
        </>
      ) : (
        <p className="dim">{t('letters.binary')}</p>
      )}
      <label className="field">
        {t('letters.content_type')}
        <input
          className="mono"
          value={value.contentType}
          placeholder="application/json"
          onChange={(event) => change({ ...value, contentType: event.target.value })}
        />
      </label>
    </fieldset>
  );
}

function Results({ results }: { results: LetterResult[] }) {
  const { t, word } = useWords();
  const done = results.filter(({ outcome }) => outcome === 'replayed' || outcome === 'discarded');
  const records = done.reduce((sum, each) => sum + each.records, 0);
  const failed = results.filter((each) => !done.includes(each));
  return (
    <div role="status" className="intake-results">
      {done.length > 0 && (
        <p className="good">{t('letters.done', { n: done.length, records: formatCount(records) })}</p>
      )}
      {failed.length > 0 && (
        <ul>
          {failed.slice(0, 20).map(({ id, outcome, reason }) => (
            <li key={id}>
              <span className="bad">{word('outcome', outcome)}</span> {reason}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
