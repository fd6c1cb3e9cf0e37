import { useEffect, useState } from 'react';
import { now } from '../model/clock.ts';

/** The time, again every `ms`; for ages and countdowns. */
export function useTick(ms: number): number {
  const [at, setAt] = useState(now);
  useEffect(() => {
    const timer = setInterval(() => setAt(now()), ms);
    return () => clearInterval(timer);
  }, [ms]);
  return at;
}
