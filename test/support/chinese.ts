import type { FullAnswer } from '../../src/diagnose/report/index.ts';

/** What a Chinese operator writes in Latin letters: units, and names of things that have no other. */
const allowed =
  /^([pP]\d\d|xx|ms|s|min|h|d|kB|MB|GB|TB|B|UTC|CPU|IO|NAT|VPN|DNS|TLS|TCP|HTTP|MTU|SYN|ACK|GC|Span|ISO|epoch|JSON|from|to|incident_at|EXPLAIN|ms\/s)$/;
export const latinWords = (text: string): string[] =>
  [...text.matchAll(/[A-Za-z_][A-Za-z0-9_]*/g)]
    .map((match) => match[0])
    .filter((word) => !allowed.test(word));

/** All that a sender wrote, and may be told as it is: names, messages, titles, files. */
export function withoutNames(text: string, answer: FullAnswer): string {
  const said = [
    ...answer.causes.flatMap((cause) => cause.said),
    ...answer.checks.flatMap((check) => check.said ?? []),
    ...answer.changes.map((change) => change.said),
    ...answer.missingSaid,
  ];
  // A kind of change is a word of ours, and a sentence in two languages is no name.
  const values = said.flatMap(({ code, params }) =>
    code === 'indicator'
      ? []
      : Object.entries(params).flatMap(([name, value]) => (name === 'kind' ? [] : String(value).split(', '))),
  );
  const names = [
    ...values,
    ...answer.causes.flatMap((cause) => [cause.resource, cause.change ?? '']),
    ...answer.changes.flatMap((change) => [change.title]),
    ...answer.layers.flatMap((layer) =>
      layer.findings.flatMap((finding) => [finding.resource, finding.text.match(/“(.*)”/)?.[1] ?? '']),
    ),
    ...answer.caveats.map((caveat) => caveat.file),
    answer.incident,
    answer.onset,
  ];
  let rest = text;
  for (const name of names.filter((one) => /[A-Za-z]/.test(one)).sort((a, b) => b.length - a.length))
    rest = rest.replaceAll(name, '·');
  return rest;
}

/** What a reader of a page sees as text, without what names rows, series and their scales. */
export const readOf = (html: string): string =>
  html
    .replace(/^.*<body>/s, '')
    .replace(/<code>[^<]*<\/code>/g, '')
    .replace(/<figcaption>[^<]*<\/figcaption>|aria-label="[^"]*"/g, '')
    .replace(/<text[^>]*>[^<]*<\/text>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&gt;', '>')
    .replaceAll('&lt;', '<')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
