/** A statement that the engine refused; `code` is ClickHouse's own number, 0 when unknown. */
export class EngineError extends Error {
  readonly code: number;

  constructor(code: number, message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'EngineError';
    this.code = code;
  }
}
