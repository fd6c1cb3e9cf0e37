import { type Form, formOf, openKey } from './form.ts';
import { matches } from './match.ts';
import { wildcard } from './tokens.ts';

interface Node {
  next: Map<string, Node>;
  templates: string[];
}

/** Finds the template that fits a message, the most particular first. */
export class KnownTemplates {
  readonly #root: Node = { next: new Map(), templates: [] };
  readonly forms: Form[] = [];

  constructor(templates: readonly string[]) {
    for (const template of templates) {
      const form = formOf(template);
      this.forms.push(form);
      let node = this.#root;
      for (const { key } of form.slots) {
        const text = key.trimStart();
        let next = node.next.get(text);
        if (!next) {
          next = { next: new Map(), templates: [] };
          node.next.set(text, next);
        }
        node = next;
      }
      node.templates.push(template);
    }
  }

  /** The template that says what all these messages say. */
  fit(forms: readonly Form[]): string | null {
    const [first] = forms;
    if (!first) return null;
    const found: string[] = [];
    walk(this.#root, first, 0, found);
    const fitting = found.filter((template) =>
      forms.every((form) => matches(template, form.template ?? form.message)),
    );
    return (
      fitting.sort((a, b) => wildcards(a) - wildcards(b) || b.length - a.length || (a < b ? -1 : 1))[0] ??
      null
    );
  }
}

const wildcards = (template: string): number => template.split(wildcard).length;

function walk(node: Node, form: Form, index: number, found: string[]): void {
  const slot = form.slots[index];
  if (!slot) {
    found.push(...node.templates);
    return;
  }
  const text = slot.key.trimStart();
  const same = node.next.get(text);
  if (same) walk(same, form, index + 1, found);
  const open = text === openKey ? undefined : node.next.get(openKey);
  if (open) walk(open, form, index + 1, found);
}
