/** A route's pattern (`/products/{id}`) split once, so that matching a request allocates little. */
export interface RouteMatch<T> {
  /** The pattern, which is `http.route` in the telemetry. */
  route: string;
  params: Record<string, string>;
  handler: T;
}

interface Entry<T> {
  method: string;
  route: string;
  segments: string[];
  handler: T;
}

const parameter = /^\{([a-z][a-zA-Z]*)\}$/;

/** Finds the handler of a method and path. Earlier routes win. */
export class Router<T> {
  readonly #entries: Entry<T>[] = [];

  /** `pattern` is method and path: `GET /products/{id}`. */
  add(pattern: string, handler: T): void {
    const [method, route, ...rest] = pattern.split(' ');
    if (!method || !route?.startsWith('/') || rest.length > 0)
      throw new Error(`Route "${pattern}" is not of the form "METHOD /path".`);
    this.#entries.push({ method, route, segments: route.split('/'), handler });
  }

  find(method: string, path: string): RouteMatch<T> | undefined {
    const segments = path.split('/');
    for (const entry of this.#entries) {
      const params = entry.method === method ? matchSegments(entry.segments, segments) : undefined;
      if (params) return { route: entry.route, params, handler: entry.handler };
    }
    return undefined;
  }
}

function matchSegments(pattern: string[], path: string[]): Record<string, string> | undefined {
  if (pattern.length !== path.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const given = path[index] ?? '';
    const name = parameter.exec(expected)?.[1];
    if (name === undefined) {
      if (expected !== given) return undefined;
    } else if (given === '') return undefined;
    else params[name] = decodeSegment(given);
  }
  return params;
}

/** A stray `%` is the sender's text, not our failure. */
function decodeSegment(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
