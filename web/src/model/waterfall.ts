/**
 * A trace as rows: spans in the order of their tree, each with its depth; the critical path, that is the spans during
 * which nothing else could have made the trace end sooner; what a collapsed span hides.
 */
export interface SpanLike {
  span_id: string;
  parent_span_id: string;
  at_us_offset: number;
  duration_us: number;
  status: string;
  critical?: boolean;
}

export interface WaterfallRow<S extends SpanLike> {
  span: S;
  depth: number;
  children: number;
  /** Spans below it, at any depth; what a collapsed row stands for. */
  descendants: number;
  /** A failing span below it, so that a collapsed branch still shows where it fails. */
  failsBelow: boolean;
}

interface Tree<S> {
  roots: S[];
  childrenOf: Map<string, S[]>;
}

const end = (span: SpanLike): number => span.at_us_offset + span.duration_us;
export const isFailing = (span: SpanLike): boolean => span.status.toLowerCase() === 'error';

/** Spans whose parent is missing (not sent, or not yet) stand as roots; a span that is its own ancestor does too. */
function treeOf<S extends SpanLike>(spans: readonly S[]): Tree<S> {
  const byId = new Map(spans.map((span) => [span.span_id, span]));
  const rings = ringsOf(spans, byId);
  const childrenOf = new Map<string, S[]>();
  const roots: S[] = [];
  for (const span of spans) {
    if (!byId.has(span.parent_span_id) || rings.has(span.span_id)) {
      roots.push(span);
      continue;
    }
    const siblings = childrenOf.get(span.parent_span_id);
    if (siblings) siblings.push(span);
    else childrenOf.set(span.parent_span_id, [span]);
  }
  const byStart = (a: S, b: S): number => a.at_us_offset - b.at_us_offset || end(b) - end(a);
  roots.sort(byStart);
  for (const siblings of childrenOf.values()) siblings.sort(byStart);
  return { roots, childrenOf };
}

/** Spans on a ring of parents. Each span is walked over once: a trace may be thousands of spans deep. */
function ringsOf<S extends SpanLike>(spans: readonly S[], byId: ReadonlyMap<string, S>): Set<string> {
  const walkOf = new Map<string, number>();
  const onRing = new Set<string>();
  for (const [walk, start] of spans.entries()) {
    let span: S | undefined = start;
    while (span !== undefined && !walkOf.has(span.span_id)) {
      walkOf.set(span.span_id, walk);
      span = byId.get(span.parent_span_id);
    }
    // Came back to where this very walk has been: from here around is a ring.
    while (span !== undefined && walkOf.get(span.span_id) === walk && !onRing.has(span.span_id)) {
      onRing.add(span.span_id);
      span = byId.get(span.parent_span_id);
    }
  }
  return onRing;
}

/** Rows in drawing order without what `collapsed` hides. Iterative: a trace may be thousands of spans deep. */
export function waterfallRows<S extends SpanLike>(
  spans: readonly S[],
  collapsed: ReadonlySet<string> = new Set(),
): WaterfallRow<S>[] {
  const { roots, childrenOf } = treeOf(spans);
  const all: WaterfallRow<S>[] = [];
  const stack = roots.map((span) => ({ span, depth: 0 })).reverse();
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const children = childrenOf.get(next.span.span_id) ?? [];
    all.push({ ...next, children: children.length, descendants: 0, failsBelow: false });
    for (let i = children.length - 1; i >= 0; i--) {
      const span = children[i];
      if (span) stack.push({ span, depth: next.depth + 1 });
    }
  }
  sumUp(all);
  return visibleRows(all, collapsed);
}

/** Backwards, so that each row is complete before it is added to its parent: the last row above that is less deep. */
function sumUp<S extends SpanLike>(rows: WaterfallRow<S>[]): void {
  const open: WaterfallRow<S>[] = [];
  const parents = rows.map((row) => {
    open.length = row.depth;
    open.push(row);
    return open[row.depth - 1];
  });
  for (let i = rows.length - 1; i >= 0; i--) {
    const row = rows[i];
    const parent = parents[i];
    if (row === undefined || parent === undefined) continue;
    parent.descendants += row.descendants + 1;
    parent.failsBelow ||= row.failsBelow || isFailing(row.span);
  }
}

function visibleRows<S extends SpanLike>(
  rows: WaterfallRow<S>[],
  collapsed: ReadonlySet<string>,
): WaterfallRow<S>[] {
  let hiddenBelow = Number.POSITIVE_INFINITY;
  return rows.filter((row) => {
    if (row.depth > hiddenBelow) return false;
    hiddenBelow = collapsed.has(row.span.span_id) ? row.depth : Number.POSITIVE_INFINITY;
    return true;
  });
}

/**
 * The spans on the critical path. Walking back from the end of the longest root: the child that ended last before the
 * cursor carried the trace, then what came before that child's start, and so on, into each such child.
 * Marks from the server win when there are any.
 */
export function criticalPath<S extends SpanLike>(spans: readonly S[]): Set<string> {
  const marked = spans.filter((span) => span.critical === true);
  if (marked.length > 0) return new Set(marked.map((span) => span.span_id));
  const { roots, childrenOf } = treeOf(spans);
  const root = roots.reduce<S | undefined>(
    (longest, span) => (longest === undefined || span.duration_us > longest.duration_us ? span : longest),
    undefined,
  );
  const path = new Set<string>();
  const stack: { span: S; until: number }[] = root ? [{ span: root, until: end(root) }] : [];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    path.add(next.span.span_id);
    let cursor = Math.min(next.until, end(next.span));
    const children = [...(childrenOf.get(next.span.span_id) ?? [])].sort((a, b) => end(b) - end(a));
    for (const child of children) {
      if (child.at_us_offset >= cursor) continue;
      // A child that outlives the cursor ran beside what is already on the path, unless it merely outlived its parent.
      if (end(child) > cursor && cursor !== end(next.span)) continue;
      stack.push({ span: child, until: cursor });
      cursor = child.at_us_offset;
    }
  }
  return path;
}

/** Failing spans, those first that no failing span lies below: where the error began. */
export function failingSpans<S extends SpanLike>(spans: readonly S[]): S[] {
  const failing = spans.filter(isFailing);
  const above = new Set(failing.map((span) => span.parent_span_id));
  const isOrigin = (span: S): boolean => !above.has(span.span_id);
  return [...failing.filter(isOrigin), ...failing.filter((span) => !isOrigin(span))];
}

/** Time that a span spent itself, outside its children, in microseconds. */
export function selfTimeUs(span: SpanLike, spans: readonly SpanLike[]): number {
  const parts = spans
    .filter((other) => other.parent_span_id === span.span_id)
    .map((child) => ({
      from: Math.max(child.at_us_offset, span.at_us_offset),
      to: Math.min(end(child), end(span)),
    }))
    .filter((part) => part.to > part.from)
    .sort((a, b) => a.from - b.from);
  let covered = 0;
  let reached = span.at_us_offset;
  for (const part of parts) {
    covered += Math.max(0, part.to - Math.max(part.from, reached));
    reached = Math.max(reached, part.to);
  }
  return Math.max(0, span.duration_us - covered);
}

/** Round steps for the time axis: 1, 2 or 5 times a power of ten, at most `count` of them. */
export function axisTicks(lengthUs: number, count: number): number[] {
  if (!(lengthUs > 0) || count < 1) return [0];
  const rough = lengthUs / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const ticks: number[] = [];
  for (let at = 0; at <= lengthUs + step * 1e-9; at += step) ticks.push(at);
  return ticks;
}
