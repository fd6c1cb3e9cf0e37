/**
 * The one registry of errors that may leave the program: code, HTTP status, whether trying again can help.
 * The public message is written where the error is raised and names the field, the value, the limit and the
 * setting that changes it. `cause` is for our own log and never reaches a client.
 */
export const errorRegistry = {
  bad_request: { status: 400, retryable: false, text: 'The request is malformed.' },
  unauthenticated: { status: 401, retryable: false, text: 'Credentials are missing or wrong.' },
  forbidden: { status: 403, retryable: false, text: 'The credentials do not allow this.' },
  not_found: { status: 404, retryable: false, text: 'Nothing exists under that name.' },
  illegal_transition: { status: 409, retryable: false, text: 'The state does not allow that event.' },
  conflict: { status: 409, retryable: true, text: 'Another writer was first.' },
  schema_conflict: { status: 409, retryable: false, text: 'The schema differs from the registered one.' },
  version_mismatch: { status: 412, retryable: true, text: 'The expected version is not the current one.' },
  too_large: { status: 413, retryable: false, text: 'A size limit is exceeded.' },
  unsupported_media_type: { status: 415, retryable: false, text: 'The content type is not understood.' },
  unprocessable: { status: 422, retryable: false, text: 'The content breaks a rule.' },
  overloaded: { status: 429, retryable: true, text: 'Too much at once; try again later.' },
  internal: { status: 500, retryable: true, text: 'Something failed inside Clew.' },
  not_available: { status: 501, retryable: false, text: 'This part is not installed or switched off.' },
  unavailable: { status: 503, retryable: true, text: 'A part of Clew is not ready.' },
  timeout: { status: 504, retryable: true, text: 'It took longer than allowed.' },
} as const satisfies Record<string, { status: number; retryable: boolean; text: string }>;

export type ErrorCode = keyof typeof errorRegistry;

export class ClewError extends Error {
  readonly code: ErrorCode;
  readonly details: Record<string, unknown>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { details?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ClewError';
    this.code = code;
    this.details = options.details ?? {};
  }

  get status(): number {
    return errorRegistry[this.code].status;
  }

  get retryable(): boolean {
    return errorRegistry[this.code].retryable;
  }
}

export const isClewError = (value: unknown): value is ClewError => value instanceof ClewError;

/** What a client may see of any thrown value. */
export function publicError(thrown: unknown): {
  code: ErrorCode;
  message: string;
  retryable: boolean;
  details: Record<string, unknown>;
} {
  if (isClewError(thrown)) {
    return {
      code: thrown.code,
      message: thrown.message,
      retryable: thrown.retryable,
      details: thrown.details,
    };
  }
  return { code: 'internal', message: errorRegistry.internal.text, retryable: true, details: {} };
}
