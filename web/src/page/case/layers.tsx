import type { Layer, Verdict } from '../../api/types.ts';
import { useWords } from '../../i18n/index.tsx';
import { layersOf } from '../../model/layers.ts';
import { Health, Panel, Skeleton } from '../../panel/bits.tsx';
import { EvidenceRefs } from './refs.tsx';

/** The layered walk: what was looked at, layer by layer, and what could not be. */
export function Layers({ verdict }: { verdict: Verdict | null }) {
  const { t } = useWords();
  return (
    <Panel title={t('case.layers')} testId="case-layers" aside={verdict && <Excluded verdict={verdict} />}>
      {verdict === null ? (
        <Skeleton rows={5} />
      ) : (
        <ul className="layers">
          {layersOf(verdict).map((row) => (
            <LayerRow key={row.layer} {...row} open={row.layer === verdict.causes[0]?.layer} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

/** Layers in which every check that could look found nothing. */
function Excluded({ verdict }: { verdict: Verdict }) {
  const { t, word } = useWords();
  const names = layersOf(verdict)
    .filter((row) => row.status === 'ok')
    .map((row) => word('layer', row.layer));
  return names.length === 0 ? null : t('case.layers.excluded', { layers: names.join(', ') });
}

/** Suspect checks of a layer that are told at once; the catalogue says much of it a second time. */
const toldMin = 3;

function LayerRow(props: { layer: Layer; status: string; checks: Verdict['checks']; open: boolean }) {
  const { word, say, language } = useWords();
  const suspect = props.checks.filter((check) => check.status === 'suspect');
  const own = suspect.filter((check) => check.title === undefined);
  const more = suspect.filter((check) => check.title !== undefined);
  const told = [...own, ...more.slice(0, Math.max(0, toldMin - own.length))];
  const rest = props.checks.filter((check) => check.status !== 'suspect');
  return (
    <li>
      <details open={props.open}>
        <summary>
          <span className="grow">{word('layer', props.layer)}</span>
          <Health state={props.status} />
        </summary>
        <ul>
          {told.map((check) => (
            <li key={check.check} className="check">
              <Health state={check.status} label={check.title?.[language] ?? word('check', check.check)} />
              <p className="dim">
                {say(check.summary, check)} <EvidenceRefs refs={check.evidence} />
              </p>
            </li>
          ))}
          {rest
            .filter((check) => check.title === undefined)
            .map((check) => (
              <li key={check.check} className="check quiet" title={say(check.summary, check)}>
                <Health state={check.status} label={word('check', check.check)} />
                <span className="dim" title={say(check.summary, check)}>
                  {say(check.summary, check)}
                </span>
              </li>
            ))}
        </ul>
        <MoreSuspects checks={more.filter((check) => !told.includes(check))} />
        <Catalogue checks={rest.filter((check) => check.title !== undefined)} />
      </details>
    </li>
  );
}

/** What the catalogue's checks say besides. */
function MoreSuspects({ checks }: { checks: Verdict['checks'] }) {
  const { t, language, say } = useWords();
  if (checks.length === 0) return null;
  return (
    <details className="more-checks">
      <summary className="dim">{t('case.moresuspects', { count: checks.length })}</summary>
      <ul>
        {checks.map((check) => (
          <li key={check.check} className="check">
            <Health state={check.status} label={check.title?.[language] ?? check.check} />
            <p className="dim">
              {say(check.summary, check)} <EvidenceRefs refs={check.evidence} />
            </p>
          </li>
        ))}
      </ul>
    </details>
  );
}

/** The many checks of the catalogue that found nothing: what was looked at, and for what no data was there. */
function Catalogue({ checks }: { checks: Verdict['checks'] }) {
  const { t, language, say } = useWords();
  const fine = checks.filter((check) => check.status === 'ok');
  const blind = checks.filter((check) => check.status === 'no_data');
  if (checks.length === 0) return null;
  return (
    <details className="more-checks">
      <summary className="dim">{t('case.morechecks', { ok: fine.length, nodata: blind.length })}</summary>
      <ul className="chips">
        {[...fine, ...blind].map((check) => (
          <li key={check.check} className="chip" title={say(check.summary, check)}>
            <Health state={check.status} label={check.title?.[language] ?? check.check} />
          </li>
        ))}
      </ul>
    </details>
  );
}
