import { type Form, formOf } from './form.ts';
import { KeyTrie } from './key-trie.ts';
import { matches } from './match.ts';
import { wildcard } from './tokens.ts';

/** Finds the template that fits a message, the most particular first. */
export class KnownTemplates {
  readonly #trie = new KeyTrie<string>();
  readonly forms: Form[];

  constructor(templates: readonly string[]) {
    this.forms = templates.map((template) => formOf(template));
    for (const [index, form] of this.forms.entries()) this.#trie.add(keysOf(form), templates[index] ?? '');
  }

  /** The template that says what all these messages say. */
  fit(forms: readonly Form[]): string | null {
    const [first] = forms;
    if (!first) return null;
    const fitting = this.#trie
      .find(keysOf(first))
      .filter((template) => forms.every((form) => matches(template, form.template ?? form.message)));
    const [best] = fitting.sort(
      (a, b) => wildcards(a) - wildcards(b) || b.length - a.length || (a < b ? -1 : 1),
    );
    return best ?? null;
  }
}

const keysOf = (form: Form): string[] => form.slots.map((slot) => slot.key);
const wildcards = (template: string): number => template.split(wildcard).length;
