import type { Clock } from './clock.ts';

export interface RetryPolicy {
  /** Attempts in all, the first included. */
  attempts: number;
  /** Wait before the second attempt, doubled each time. */
  delayMs: number;
  delayMsMax: number;
}

/** Runs `work` until it succeeds or the attempts are used up; the last error is thrown. */
export async function retry<T>(
  clock: Clock,
  policy: RetryPolicy,
  work: (attempt: number) => Promise<T>,
  worthRetrying: (error: unknown) => boolean = () => true,
): Promise<T> {
  let delayMs = policy.delayMs;
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      if (attempt >= policy.attempts || !worthRetrying(error)) throw error;
    }
    await clock.sleep(delayMs);
    delayMs = Math.min(delayMs * 2, policy.delayMsMax);
  }
}
