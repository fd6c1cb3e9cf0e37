/**
 * lib — small tools that know nothing of Clew: clock, ids, errors, logging, self-metrics, retry, columns of ClickHouse's
 * `Native` format, shapes of messages, snappy.
 *
 * Contract: no file here imports anything of ours outside `lib/`; time, randomness and ids are reached only
 * through this room so that tests can inject them.
 * What never happens here: domain words (case, span, tenant), process environment, global mutable state other
 * than the self-metrics registry.
 */

export { ByteBuffer, viewOf } from './bytes.ts';
export { type Clock, systemClock } from './clock.ts';
export { ClewError, type ErrorCode, errorRegistry, isClewError, publicError } from './errors.ts';
export { leastOf, mostOf } from './extremes.ts';
export { newTraceId, newUuid, randomUnit, sha256Hex } from './ids.ts';
export { type FileLock, lockFile } from './lock.ts';
export { createLogger, type Logger } from './logger.ts';
export { counter, gauge, histogram, metricsRegistry } from './metrics.ts';
export {
  ArrayColumn,
  type Column,
  FixedColumn,
  LowCardinalityColumn,
  MapColumn,
  StringColumn,
  takeBlock,
} from './native.ts';
export { oneByOne } from './one-by-one.ts';
export { giveBuffer, takeBuffer } from './pool.ts';
export { type RetryPolicy, retry } from './retry.ts';
export { seeded } from './seeded.ts';
export { shapeHash, shapeOf, shapeResult, shapeText } from './shape.ts';
export { SnappyError, snappyDecompress } from './snappy.ts';
export { collectGarbage, inlineMore } from './v8.ts';
