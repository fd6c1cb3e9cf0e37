import { ClewError, publicError } from '../../lib/index.ts';
import { MalformedError } from '../otlp/wire.ts';

/** A request that Elasticsearch refuses as a whole; the type is the name of its exception. */
export class BulkError extends MalformedError {
  readonly type: string;

  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}

/** Names that clients know, by our status. */
const types = new Map<number, string>([
  [400, 'illegal_argument_exception'],
  [401, 'security_exception'],
  [403, 'security_exception'],
  [404, 'resource_not_found_exception'],
  [406, 'media_type_header_exception'],
  [413, 'content_too_long_exception'],
  [415, 'media_type_header_exception'],
  [429, 'es_rejected_execution_exception'],
  [503, 'unavailable_shards_exception'],
  [504, 'timeout_exception'],
]);

export interface Failure {
  error: { root_cause: { type: string; reason: string }[]; type: string; reason: string };
  status: number;
}

export function failure(status: number, reason: string, named = ''): Failure {
  const type = named === '' ? (types.get(status) ?? 'exception') : named;
  return { error: { root_cause: [{ type, reason }], type, reason }, status };
}

/** `thrown` as Elasticsearch would answer it; `mapped` is the same as one of our errors. */
export function failureOf(thrown: unknown, mapped: unknown): Failure {
  const status = mapped instanceof ClewError ? mapped.status : 500;
  return failure(status, publicError(mapped).message, thrown instanceof BulkError ? thrown.type : '');
}
