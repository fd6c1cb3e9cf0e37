/** The newest row that any page has seen, for the footer. One number, so no context is worth its weight. */
import { useSyncExternalStore } from 'react';
import { readCost, watchCost } from '../api/client.ts';

let newest: number | null = null;
const listeners = new Set<() => void>();

export function noteNewest(at: number | null | undefined): void {
  if (at === null || at === undefined || (newest !== null && at <= newest)) return;
  newest = at;
  for (const listener of listeners) listener();
}

const watch = (listener: () => void): (() => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

export const useNewest = (): number | null => useSyncExternalStore(watch, () => newest);
export const useCost = () => useSyncExternalStore(watchCost, readCost);
