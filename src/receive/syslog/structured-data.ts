import type { Pair } from '../log-sink.ts';

/** More than any real sender has; what goes beyond stays in the message. */
const parametersMax = 512;
const idPattern = /\[([^ =\]"]{1,128})/y;
const parameterPattern = / +([^ =\]"]{1,128})="((?:[^"\\\]]|\\[\s\S])*)"/y;

/**
 * STRUCTURED-DATA of RFC 5424 at `at`: `-`, or `[id name="value" …]…`. Each parameter goes into `into` as
 * `syslog.<id>.<name>`, an element without parameters as `syslog.<id>` with an empty value. Answers where it ends, or -1
 * when it can't be read.
 */
export function readStructuredData(text: string, at: number, into: Pair[]): number {
  if (text[at] === '-' && (at + 1 === text.length || text[at + 1] === ' ')) return at + 1;
  if (text[at] !== '[') return -1;
  let end = at;
  while (text[end] === '[') {
    end = readElement(text, end, into);
    if (end < 0 || into.length > parametersMax) return -1;
  }
  return end === text.length || text[end] === ' ' ? end : -1;
}

function readElement(text: string, at: number, into: Pair[]): number {
  idPattern.lastIndex = at;
  const id = idPattern.exec(text)?.[1];
  if (id === undefined) return -1;
  let end = idPattern.lastIndex;
  let parameters = 0;
  for (;;) {
    parameterPattern.lastIndex = end;
    const match = parameterPattern.exec(text);
    if (match === null) break;
    end = parameterPattern.lastIndex;
    parameters += 1;
    if (parameters > parametersMax) return -1;
    const [, name = '', value = ''] = match;
    // Only these three are escaped; a backslash before anything else is itself.
    into.push([`syslog.${id}.${name}`, value.replace(/\\(["\\\]])/g, '$1')]);
  }
  if (text[end] !== ']') return -1;
  if (parameters === 0) into.push([`syslog.${id}`, '']);
  return end + 1;
}
