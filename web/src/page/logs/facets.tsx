import type { Facet } from '../../api/types.ts';
import { useWords } from '../../i18n/index.tsx';
import { formatCount } from '../../model/format.ts';
import { type LogFilter, standing } from '../../model/logfilter.ts';
import { Severity, type ValueClick } from '../../panel/bits.tsx';
import { ServiceName } from '../../panel/service.tsx';

export function Facets({ facets, filter, pick }: { facets: Facet[]; filter: LogFilter; pick: ValueClick }) {
  const { t } = useWords();
  return (
    <>
      <p className="dim facet-hint">{t('logs.facet.hint')}</p>
      {facets
        .filter((facet) => facet.values.length > 0)
        .map((facet, i) => (
          <details key={facet.key} open={i < 6} className="facet">
            <summary title={facet.key}>
              {facet.key === 'service' || facet.key === 'severity' ? t(`logs.facet.${facet.key}`) : facet.key}
            </summary>
            <ul>
              {facet.values.map((value) => (
                <FacetValue
                  key={value.value}
                  name={facet.key}
                  value={value.value}
                  count={value.count}
                  standing={standing(filter, facet.key, value.value)}
                  pick={pick}
                />
              ))}
            </ul>
          </details>
        ))}
    </>
  );
}

function FacetValue(props: {
  name: string;
  value: string;
  count: number;
  standing: 'in' | 'out' | undefined;
  pick: ValueClick;
}) {
  return (
    <li>
      <button
        type="button"
        className={`facet-value ${props.standing ?? ''}`}
        aria-pressed={props.standing === 'in'}
        title={props.value}
        onClick={(event) => props.pick(props.name, props.value, event.altKey)}
      >
        <span className="grow clip">
          {props.name === 'service' ? (
            <ServiceName name={props.value} />
          ) : props.name === 'severity' ? (
            <Severity severity={props.value} />
          ) : (
            props.value || '""'
          )}
        </span>
        <span className="dim num">{formatCount(props.count)}</span>
      </button>
    </li>
  );
}
