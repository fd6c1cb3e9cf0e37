import { Link } from '@tanstack/react-router';
import { useT } from '../i18n/index.tsx';
import { now } from '../model/clock.ts';
import { rangeText, widerRange, windowOf } from '../model/range.ts';
import { useFrame } from './frame.ts';

/** The next steps where a window holds nothing: a longer one, or how anything comes in at all. */
export function Widen() {
  const t = useT();
  const { frame, set } = useFrame();
  const window = windowOf(frame, now());
  const wider = widerRange(window.to - window.from);
  return (
    <div className="row">
      {wider !== undefined && (
        <button
          type="button"
          className="button"
          onClick={() => set({ range: wider, from: undefined, to: undefined })}
        >
          {t('action.widen', { span: rangeText(wider) })}
        </button>
      )}
      <HowToSend />
    </div>
  );
}

/** The next step where nothing may ever have come. */
export function HowToSend() {
  const t = useT();
  return (
    <Link to="/intake" hash="send" className="button quiet">
      {t('action.howtosend')}
    </Link>
  );
}
