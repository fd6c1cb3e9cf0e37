import { ClewError } from '../../lib/index.ts';
import { DocumentError, isRecord } from '../document.ts';
import { Lines } from '../lines.ts';
import type { LogSink } from '../log-sink.ts';
import { readDocument } from './document.ts';
import { BulkError } from './failure.ts';

/** Each item costs some 200 bytes of answer, however small it is; clients send a few thousand. */
const itemsMax = 100_000;
const newline = 0x0a;
const actions = ['create', 'index', 'update', 'delete'] as const;
type Action = (typeof actions)[number];

interface Item {
  action: Action;
  index: string;
  id: string;
}

export interface BulkResult {
  /** The answer for each item, in the order of the request, as JSON. */
  items: string[];
  errors: boolean;
}

/**
 * A bulk request: one line says what to do, the next holds the document. Documents go into `sink`; each item gets its
 * own answer, 201 or an error that no repetition mends. Throws BulkError when the lines can't be told apart.
 * `newId` makes the ids of documents that came without.
 */
export function readBulk(
  body: Uint8Array,
  defaultIndex: string,
  sink: LogSink,
  newId: () => string,
): BulkResult {
  if (body.length === 0) throw new BulkError('parse_exception', 'request body is required');
  if (body[body.length - 1] !== newline) {
    throw new BulkError(
      'illegal_argument_exception',
      'The bulk request must be terminated by a newline [\\n]',
    );
  }
  const lines = new Lines(body);
  const result: BulkResult = { items: [], errors: false };
  const made = newId();
  while (lines.next()) {
    if (lines.blank()) continue;
    if (result.items.length === itemsMax) {
      throw new ClewError('too_large', `More than ${itemsMax} items in one request; send smaller batches.`);
    }
    const item = readAction(lines.text(), lines.number, defaultIndex);
    if (item.action !== 'delete' && !lines.next()) {
      throw new BulkError(
        'illegal_argument_exception',
        `Malformed action/metadata line [${lines.number}]: [${item.action}] has no source line`,
      );
    }
    const answer = takeItem(item, lines, sink, `${made}-${result.items.length}`);
    if (answer.failed) result.errors = true;
    result.items.push(answer.json);
  }
  if (result.items.length === 0)
    throw new BulkError('action_request_validation_exception', 'Validation Failed: 1: no requests added;');
  return result;
}

function takeItem(
  item: Item,
  lines: Lines,
  sink: LogSink,
  madeId: string,
): { json: string; failed: boolean } {
  if (item.action === 'update' || item.action === 'delete') {
    return refuse(
      item,
      'illegal_argument_exception',
      `[${item.action}] is not supported: logs are kept as they were written; send [create] or [index]`,
      lines,
      sink,
    );
  }
  try {
    const document = readDocument(lines.text(), item.index, item.id);
    sink.resource(document.service, document.resource);
    sink.record(document);
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    return refuse(item, error.type, error.message, lines, sink);
  }
  const done = {
    _index: item.index,
    _id: item.id === '' ? madeId : item.id,
    _version: 1,
    result: 'created',
    _shards: { total: 1, successful: 1, failed: 0 },
    _seq_no: 0,
    _primary_term: 1,
    status: 201,
  };
  return { json: JSON.stringify({ [item.action]: done }), failed: false };
}

function refuse(
  item: Item,
  type: string,
  reason: string,
  lines: Lines,
  sink: LogSink,
): { json: string; failed: boolean } {
  sink.reject(reason, letterOf(item, lines.bytes()));
  const answer = {
    _index: item.index,
    _id: item.id === '' ? null : item.id,
    status: 400,
    error: { type, reason },
  };
  return { json: JSON.stringify({ [item.action]: answer }), failed: true };
}

/** What a dead letter needs to be sent again: the action line and, where there is one, the document. */
function letterOf(item: Item, document: Uint8Array): Uint8Array {
  const id = item.id === '' ? {} : { _id: item.id };
  const action = Buffer.from(`${JSON.stringify({ [item.action]: { _index: item.index, ...id } })}\n`);
  return item.action === 'delete' ? action : Buffer.concat([action, document]);
}

function readAction(text: string, line: number, defaultIndex: string): Item {
  const malformed = (reason: string): BulkError =>
    new BulkError('illegal_argument_exception', `Malformed action/metadata line [${line}], ${reason}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw malformed(`it is not JSON: ${error instanceof Error ? error.message : 'syntax error'}`);
  }
  if (!isRecord(value)) throw malformed('expected an object');
  const [name, ...more] = Object.keys(value);
  const action = actions.find((known) => known === name);
  if (action === undefined || more.length > 0) {
    const found = (more.length > 0 ? Object.keys(value).join(', ') : (name ?? '')).slice(0, 80);
    throw malformed(`expected field [create], [delete], [index] or [update] but found [${found}]`);
  }
  const metadata = value[action];
  if (!isRecord(metadata)) throw malformed(`expected an object in [${action}]`);
  const index = metadata._index ?? defaultIndex;
  const id = typeof metadata._id === 'number' ? String(metadata._id) : (metadata._id ?? '');
  if (typeof index !== 'string') throw malformed('expected a string in [_index]');
  if (typeof id !== 'string') throw malformed('expected a string in [_id]');
  if (index === '')
    throw new BulkError(
      'action_request_validation_exception',
      `Validation Failed: 1: index is missing in line [${line}];`,
    );
  return { action, index, id };
}
