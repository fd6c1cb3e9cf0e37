import { useNavigate } from '@tanstack/react-router';
import { useT } from '../../i18n/index.tsx';

/** `[e3]` beside a sentence: opens that evidence further down. */
export function EvidenceRefs({ refs }: { refs: readonly string[] }) {
  const t = useT();
  const navigate = useNavigate();
  const open = (ref: string): void => {
    void navigate({
      to: '.',
      search: (prev) => ({ ...prev, evidence: ref }),
      replace: true,
      resetScroll: false,
    });
    // The card may only now be drawn.
    setTimeout(() => document.getElementById(`evidence-${ref}`)?.scrollIntoView({ block: 'center' }), 50);
  };
  return (
    <span className="refs">
      {refs.map((ref) => (
        <button
          type="button"
          key={ref}
          className="ref"
          title={t('case.evidence')}
          onClick={() => open(ref)}
          data-testid="evidence-ref"
        >
          {ref}
        </button>
      ))}
    </span>
  );
}
