import { type Form, formOf, openKey } from './form.ts';
import { matches } from './match.ts';
import { wildcard } from './tokens.ts';

interface Node {
  next: Map<string, Node>;
  templates: string[];
}

/** Stands in for a wildcard while a template is read as if it were a message. */
const standIn = '777';

/** A template as the form that its messages have. */
export function formOfTemplate(template: string): Form {
  const message = template.replace(/(?<=[A-Za-z])<\*>(?=[A-Za-z])/g, '   ').replaceAll(wildcard, standIn);
  const form = formOf(message);
  return { ...form, template };
}

/** Finds the template that fits a message, the most particular first. */
export class KnownTemplates {
  readonly #root: Node = { next: new Map(), templates: [] };
  readonly forms: Form[] = [];

  constructor(templates: readonly string[]) {
    for (const template of templates) {
      const form = formOfTemplate(template);
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
    const fitting = found.filter((template) => forms.every(({ message }) => matches(template, message)));
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
