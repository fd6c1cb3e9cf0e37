import { useNavigate } from '@tanstack/react-router';
import type { VerdictGraph } from '../../api/types.ts';
import { useT } from '../../i18n/index.tsx';
import { Panel, Skeleton } from '../../panel/bits.tsx';
import { SmallMap } from '../../panel/smallmap.tsx';

export function MapAround(props: { graph: VerdictGraph | null; cause: string | undefined; at: number }) {
  const t = useT();
  const navigate = useNavigate();
  const { graph } = props;
  return (
    <Panel title={t('case.map')} testId="case-map">
      <div className="panel-body">
        {graph === null && <Skeleton rows={3} />}
        {graph?.nodes.length === 0 && <p className="dim">{t('map.empty')}</p>}
        {graph !== null && graph.nodes.length > 0 && (
          <SmallMap
            nodes={graph.nodes}
            edges={graph.edges}
            marked={props.cause}
            label={t('case.map')}
            onOpen={(service) => {
              const urn = service.startsWith('urn:') ? service : `urn:svc:${service}`;
              void navigate({ to: '/map', search: { focus: urn, node: urn } });
            }}
          />
        )}
      </div>
    </Panel>
  );
}
