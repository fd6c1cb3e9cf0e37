/** What the pool tells about itself; the service turns it into `db.client.connection.*` metrics. */
export interface PoolListener {
  waited(ms: number): void;
  used(ms: number): void;
  timedOut(): void;
}

export class PoolTimeoutError extends Error {
  constructor(name: string, waitedMs: number, max: number) {
    super(
      `Timed out after ${waitedMs} ms waiting for a connection from pool "${name}" (max ${max}, all in use)`,
    );
    this.name = 'PoolTimeoutError';
  }
}

interface Waiter<C> {
  since: number;
  timer: NodeJS.Timeout;
  give(connection: C): void;
}

export interface PoolOptions<C> {
  name: string;
  max: number;
  /** How long a caller waits for a connection before it is refused, milliseconds. */
  acquireTimeoutMs: number;
  open(): C;
  close(connection: C): void;
  listener?: PoolListener;
}

/**
 * Connections that are lent to one caller at a time. Callers beyond `max` wait in order of arrival; the limit may
 * change at run time, and surplus connections are closed when they come back.
 */
export class Pool<C> {
  readonly name: string;
  #max: number;
  readonly #options: PoolOptions<C>;
  readonly #idle: C[] = [];
  #used = 0;
  #waiters: Waiter<C>[] = [];

  constructor(options: PoolOptions<C>) {
    this.name = options.name;
    this.#options = options;
    this.#max = options.max;
  }

  get stats(): { max: number; idle: number; used: number; pending: number } {
    return { max: this.#max, idle: this.#idle.length, used: this.#used, pending: this.#waiters.length };
  }

  setMax(max: number): void {
    if (!Number.isInteger(max) || max < 1)
      throw new RangeError(
        `The maximum size of pool "${this.name}" must be a whole number from 1, not ${max}.`,
      );
    this.#max = max;
    while (this.#idle.length > 0 && this.#idle.length + this.#used > max) this.#close(this.#idle.pop());
    while (this.#waiters.length > 0 && this.#used < max) this.#serveNext(this.#idle.pop());
  }

  /** Lends a connection to `work` and takes it back, whatever the work's outcome. */
  async use<R>(work: (connection: C) => Promise<R>): Promise<R> {
    const connection = await this.#acquire();
    const since = performance.now();
    try {
      return await work(connection);
    } finally {
      this.#options.listener?.used(performance.now() - since);
      this.#release(connection);
    }
  }

  #acquire(): Promise<C> {
    if (this.#used < this.#max) {
      this.#used++;
      this.#options.listener?.waited(0);
      return Promise.resolve(this.#idle.pop() ?? this.#options.open());
    }
    return new Promise((resolve, reject) => {
      const { acquireTimeoutMs, listener } = this.#options;
      const waiter: Waiter<C> = {
        since: performance.now(),
        give: resolve,
        timer: setTimeout(() => {
          this.#waiters = this.#waiters.filter((other) => other !== waiter);
          listener?.waited(acquireTimeoutMs);
          listener?.timedOut();
          reject(new PoolTimeoutError(this.name, acquireTimeoutMs, this.#max));
        }, acquireTimeoutMs),
      };
      this.#waiters.push(waiter);
    });
  }

  #release(connection: C): void {
    this.#used--;
    if (this.#used >= this.#max) this.#close(connection);
    else if (this.#waiters.length > 0) this.#serveNext(connection);
    else this.#idle.push(connection);
  }

  #serveNext(connection: C | undefined): void {
    const waiter = this.#waiters.shift();
    if (!waiter) return;
    clearTimeout(waiter.timer);
    this.#used++;
    this.#options.listener?.waited(performance.now() - waiter.since);
    waiter.give(connection ?? this.#options.open());
  }

  #close(connection: C | undefined): void {
    if (connection !== undefined) this.#options.close(connection);
  }
}
