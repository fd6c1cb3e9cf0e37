import { useT } from '../i18n/index.tsx';
import { useFrame } from './frame.ts';

/** The next step where a window holds nothing. */
export function Widen() {
  const t = useT();
  const { set } = useFrame();
  return (
    <button
      type="button"
      className="button"
      onClick={() => set({ range: '24h', from: undefined, to: undefined })}
    >
      {t('action.widen', { span: '24h' })}
    </button>
  );
}
