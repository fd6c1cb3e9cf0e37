/** The longest piece of a message without values: what finds its siblings again. */
export function constantPart(body: string): string {
  const pieces = body.split(/\S*\d\S*/).map((piece) => piece.trim());
  return pieces.sort((a, b) => b.length - a.length)[0]?.slice(0, 80) ?? '';
}

/** Other resources that a text names, by their exact names. */
export function namedIn(text: string, nodes: ReadonlySet<string>, self: string): string[] {
  const lower = text.toLowerCase();
  const own = self.toLowerCase();
  return [...nodes].filter((node) => {
    const name = node.toLowerCase();
    return name !== own && name.length >= 4 && !own.includes(name) && lower.includes(name);
  });
}

/** Whoever called gave up: what is told so is the caller's doing, not that of who tells it. */
export const givenUp =
  /context cancell?ed|cancell?ed by (the )?(client|caller|peer)|client (closed|disconnected|cancell?ed|went away)|request (was )?aborted by|\bstatus 499\b/i;
