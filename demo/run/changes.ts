import { setTimeout as sleep } from 'node:timers/promises';

export interface Change {
  kind: 'deploy' | 'config' | 'restart';
  service: string;
  title: string;
  actor: string;
  labels: Record<string, string>;
}

const attempts = 5;
const retryMs = 500;

/** Tells Clew what was changed; a deployment must not wait for its announcement, so failures end as a warning. */
export class Changes {
  readonly #url: string | null;
  readonly #warn: (message: string) => void;
  readonly #sent = new Set<Promise<void>>();

  constructor(clewUrl: string | null, warn: (message: string) => void) {
    this.#url = clewUrl === null ? null : `${clewUrl}/api/v1/changes`;
    this.#warn = warn;
  }

  announce(change: Change): void {
    const sent = this.#send({ ...change, at: Date.now() });
    this.#sent.add(sent);
    void sent.finally(() => this.#sent.delete(sent));
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.#sent);
  }

  async #send(change: Change & { at: number }): Promise<void> {
    if (this.#url === null) return;
    let problem = '';
    for (let attempt = 1; attempt <= attempts; attempt++) {
      try {
        const response = await fetch(this.#url, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(change),
          signal: AbortSignal.timeout(5_000),
        });
        if (response.ok) return;
        problem = `${response.status} ${await response.text()}`;
      } catch (error) {
        problem = error instanceof Error ? error.message : String(error);
      }
      await sleep(retryMs * attempt);
    }
    this.#warn(`the change "${change.title}" could not be announced: ${problem}`);
  }
}
