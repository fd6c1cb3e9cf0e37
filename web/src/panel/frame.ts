/** What every page shares through the URL: the time range and whether it follows live. */
import { useNavigate, useRouterState, useSearch } from '@tanstack/react-router';
import { useCallback, useMemo } from 'react';
import { now } from '../model/clock.ts';
import { formatLength } from '../model/format.ts';
import {
  defaultRange,
  type FrameSearch,
  isPinned,
  parseFrame,
  rangeText,
  shifted,
  type Window,
  windowOf,
} from '../model/range.ts';

/** Lists that a person reads stand still unless asked; overviews follow by themselves. */
const standsStill = (path: string): boolean => path.startsWith('/logs') || path.startsWith('/traces');

export interface Frame {
  frame: FrameSearch;
  live: boolean;
  pinned: boolean;
  /** Sets part of the range; the rest of the page's state stays. */
  set: (patch: FrameSearch) => void;
  zoom: (window: Window) => void;
  shift: (direction: -1 | 1) => void;
  toggleLive: () => void;
  /** The length of the window: `30 m`. */
  span: string;
  /** Five seconds, or false when it does not follow. */
  poll: (ms: number) => number | false;
}

const noRange = { range: undefined, from: undefined, to: undefined };

export function useFrame(): Frame {
  const search = useSearch({ strict: false });
  const path = useRouterState({ select: (state) => state.location.pathname });
  const navigate = useNavigate();
  const { from, to, range, live: liveSearch } = parseFrame(search);
  const frame = useMemo<FrameSearch>(
    () => ({ ...(from !== undefined && to !== undefined ? { from, to } : {}), ...(range ? { range } : {}) }),
    [from, to, range],
  );
  const pinned = isPinned(frame);
  const live = !pinned && (liveSearch === undefined ? !standsStill(path) : liveSearch === 'on');
  const set = useCallback(
    (patch: FrameSearch) => {
      void navigate({
        to: '.',
        search: (prev) => ({ ...prev, ...patch }),
        replace: patch.live !== undefined,
      });
    },
    [navigate],
  );
  const window = windowOf(frame, now());
  return {
    frame,
    live,
    pinned,
    set,
    zoom: (next) => set({ ...noRange, from: Math.floor(next.from), to: Math.ceil(next.to) }),
    shift: (direction) => set({ ...noRange, ...shifted(windowOf(frame, now()), direction, now()) }),
    toggleLive: () => set(pinned ? { ...noRange, live: 'on' } : { live: live ? 'off' : 'on' }),
    span: pinned ? formatLength(window.to - window.from) : rangeText(frame.range ?? defaultRange),
    poll: (ms) => (live ? ms : false),
  };
}
