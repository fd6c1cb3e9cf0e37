import { useWords } from '../i18n/index.tsx';

export function StateMark({ status }: { status: string }) {
  const { word } = useWords();
  return (
    <span className={`state state-${status}`} data-testid="case-state" data-state={status}>
      {word('state', status)}
    </span>
  );
}
