import { useState } from 'react';
import { useT } from '../../i18n/index.tsx';
import { formatTime } from '../../model/format.ts';
import { useTick } from '../../panel/tick.ts';

const hourMs = 3_600_000;
const stepMs = 60_000;

/** The last hour, minute by minute; the right end is now. Moments older than that stay, clamped to the left end. */
export function TimeSlider({ at, set }: { at: number | undefined; set: (at: number | undefined) => void }) {
  const t = useT();
  const now = useTick(15_000);
  const [dragged, setDragged] = useState<number | null>(null);
  const minutes = at === undefined ? 0 : Math.min(hourMs / stepMs, Math.round((now - at) / stepMs));
  const shown = dragged ?? -minutes;
  const commit = (value: number): void => {
    setDragged(null);
    set(value === 0 ? undefined : Math.floor(now / stepMs) * stepMs + value * stepMs);
  };
  return (
    <label className="map-slider">
      <input
        type="range"
        min={-hourMs / stepMs}
        max={0}
        value={shown}
        aria-label={t('map.slider')}
        onChange={(event) => setDragged(Number(event.target.value))}
        onPointerUp={(event) => commit(Number(event.currentTarget.value))}
        onKeyUp={(event) => commit(Number(event.currentTarget.value))}
        data-testid="map-slider"
      />
      <span className="mono">
        {shown === 0
          ? t('map.now')
          : t('map.at', {
              time: formatTime(dragged === null && at !== undefined ? at : now + shown * stepMs).slice(0, 5),
            })}
      </span>
      {at !== undefined && (
        <button type="button" className="button small" onClick={() => commit(0)}>
          {t('map.now')}
        </button>
      )}
    </label>
  );
}
