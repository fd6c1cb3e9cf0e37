import { MalformedError } from '../otlp/wire.ts';
import { type Apply, applyOf } from './elements.ts';
import type { Reader } from './reader.ts';

/** Fields of one template; the largest templates of routers have about sixty. */
const fieldsMax = 256;
/** Length of a field that names its own length in each record. */
export const variableLength = 0xffff;

export interface Field {
  enterprise: number;
  id: number;
  /** Bytes, or `variableLength`. */
  length: number;
  apply: Apply;
}

export interface Template {
  id: number;
  fields: Field[];
  /** The first so many fields of an options template say what the others are about; undefined: a template of flows. */
  scopes: number | undefined;
  /** Smallest record; what is shorter at the end of a set is padding. */
  recordBytesMin: number;
}

function makeTemplate(id: number, fields: Field[], scopes: number | undefined): Template {
  if (id < 256) throw new MalformedError(`Template ${id}: numbers below 256 are reserved.`);
  const recordBytesMin = fields.reduce(
    (sum, field) => sum + (field.length === variableLength ? 1 : field.length),
    0,
  );
  if (recordBytesMin === 0) throw new MalformedError(`Template ${id} describes records of no bytes.`);
  // A field without bytes says nothing, and thousands of them in one record would cost time.
  return { id, fields: fields.filter((field) => field.length > 0), scopes, recordBytesMin };
}

function checkCount(id: number, count: number): void {
  if (count === 0 || count > fieldsMax)
    throw new MalformedError(`Template ${id} announces ${count} fields; 1 to ${fieldsMax} are possible.`);
}

/** One field as NetFlow 9 and IPFIX write it; only IPFIX knows enterprises. */
function readField(reader: Reader, withEnterprise: boolean): Field {
  const type = reader.u16();
  const length = reader.u16();
  const isEnterprise = withEnterprise && type >= 0x8000;
  const id = isEnterprise ? type & 0x7fff : type;
  const enterprise = isEnterprise ? reader.u32() : 0;
  if (!withEnterprise && length === variableLength)
    throw new MalformedError(`Field ${id} has length ${length}, which NetFlow 9 does not know.`);
  return { enterprise, id, length, apply: applyOf(enterprise, id) };
}

/** A template of flows. Undefined: IPFIX withdraws the template (`withdrawn`). */
export function readTemplate(reader: Reader, ipfix: boolean): { template: Template } | { withdrawn: number } {
  const id = reader.u16();
  const count = reader.u16();
  if (ipfix && count === 0) return { withdrawn: id };
  checkCount(id, count);
  const fields: Field[] = [];
  for (let i = 0; i < count; i++) fields.push(readField(reader, ipfix));
  return { template: makeTemplate(id, fields, undefined) };
}

/** An options template of IPFIX: numbers of fields, scopes first. */
export function readIpfixOptions(reader: Reader): { template: Template } | { withdrawn: number } {
  const id = reader.u16();
  const count = reader.u16();
  if (count === 0) return { withdrawn: id };
  checkCount(id, count);
  const scopes = reader.u16();
  if (scopes === 0 || scopes > count)
    throw new MalformedError(`Options template ${id} has ${scopes} scopes among ${count} fields.`);
  const fields: Field[] = [];
  for (let i = 0; i < count; i++) fields.push(readField(reader, true));
  return { template: makeTemplate(id, fields, fields.slice(0, scopes).filter((f) => f.length > 0).length) };
}

/** NetFlow 9 numbers its scopes on their own; each becomes the element of IPFIX that means the same. */
const scopeElements = new Map([
  [1, 144],
  [2, 10],
  [3, 141],
  [4, 145],
  [5, 145],
]);

/** An options template of NetFlow 9: lengths in bytes. */
export function readNetflow9Options(reader: Reader): Template {
  const id = reader.u16();
  const scopeBytes = reader.u16();
  const optionBytes = reader.u16();
  if (scopeBytes % 4 !== 0 || optionBytes % 4 !== 0) {
    throw new MalformedError(
      `Options template ${id} has ${scopeBytes} and ${optionBytes} bytes of fields; each takes 4.`,
    );
  }
  const count = (scopeBytes + optionBytes) / 4;
  checkCount(id, count);
  const fields: Field[] = [];
  for (let i = 0; i < count; i++) {
    const field = readField(reader, false);
    if (i < scopeBytes / 4) {
      field.id = scopeElements.get(field.id) ?? 0;
      field.apply = field.id === 10 ? applyOf(0, 10) : () => undefined;
    }
    fields.push(field);
  }
  const scopes = fields.slice(0, scopeBytes / 4).filter((field) => field.length > 0).length;
  return makeTemplate(id, fields, scopes);
}
