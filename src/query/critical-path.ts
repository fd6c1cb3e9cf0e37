/** What the critical path needs of a span; times in one unit of the caller's choice. */
export interface PathSpan {
  spanId: string;
  parentSpanId: string;
  start: number;
  end: number;
}

/**
 * The spans that the duration of the trace hangs on: starting at the end of the root and walking back, always the child
 * that finished last before the moment looked at; a child that was still running when the next one on the path began was
 * not what the parent waited for. Children that outlive their parent count up to the parent's end (asynchronous work
 * doesn't lengthen the caller). Pure; spans whose parent is missing hang on nothing unless they are the root.
 */
export function criticalPath(spans: readonly PathSpan[]): Set<string> {
  const children = new Map<string, PathSpan[]>();
  const ids = new Set(spans.map((span) => span.spanId));
  let root: PathSpan | undefined;
  for (const span of spans) {
    if (span.parentSpanId !== '' && span.parentSpanId !== span.spanId && ids.has(span.parentSpanId)) {
      const siblings = children.get(span.parentSpanId);
      if (siblings) siblings.push(span);
      else children.set(span.parentSpanId, [span]);
    } else if (
      root === undefined ||
      span.start < root.start ||
      (span.start === root.start && span.end > root.end)
    ) {
      root = span;
    }
  }
  const path = new Set<string>();
  if (root === undefined) return path;
  // An explicit stack: a trace may be thousands of spans deep.
  const stack: { span: PathSpan; until: number }[] = [{ span: root, until: root.end }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { span, until } = next;
    if (path.has(span.spanId)) continue;
    path.add(span.spanId);
    stack.push(...waitedFor(children.get(span.spanId) ?? [], until));
  }
  return path;
}

/** Children on the path, each with the moment until which its own time counts. */
function waitedFor(children: readonly PathSpan[], until: number): { span: PathSpan; until: number }[] {
  const byEnd = children
    .map((span) => ({ span, until: Math.min(span.end, until) }))
    .sort((a, b) => b.until - a.until || a.span.start - b.span.start);
  const chosen: { span: PathSpan; until: number }[] = [];
  let moment = until;
  for (const child of byEnd) {
    // Zero-length children stay: they are instants on the way.
    if (child.until > moment || child.span.start > child.until) continue;
    chosen.push(child);
    moment = child.span.start;
  }
  return chosen;
}
