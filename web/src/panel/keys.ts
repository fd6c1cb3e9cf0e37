/** Keyboard of the page in view. Keys with Ctrl, Alt or Meta belong to the browser; typing in a field is typing. */
import { useEffect, useRef } from 'react';

export type KeyMap = Partial<Record<string, (event: KeyboardEvent) => void>>;

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName));

const isButton = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && ['BUTTON', 'A', 'SUMMARY'].includes(target.tagName);

export function useKeys(keys: KeyMap): void {
  const current = useRef(keys);
  current.current = keys;
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (isTyping(event.target)) {
        if (event.key === 'Escape' && event.target instanceof HTMLElement) event.target.blur();
        return;
      }
      if (document.querySelector('dialog[open]') !== null) return;
      if (event.key === 'Enter' && isButton(event.target)) return;
      const handler = current.current[event.key];
      if (handler === undefined) return;
      event.preventDefault();
      handler(event);
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
}

/** `j k Enter Esc` over a list. `selected` is -1 when no row is. */
export function useRowKeys(list: {
  count: number;
  selected: number;
  select: (index: number) => void;
  open?: (index: number) => void;
  close?: () => void;
}): void {
  const move = (by: number): void => {
    if (list.count === 0) return;
    list.select(Math.max(0, Math.min(list.count - 1, list.selected + by)));
  };
  useKeys({
    j: () => move(1),
    k: () => move(list.selected < 0 ? 1 : -1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(list.selected < 0 ? 1 : -1),
    Enter: () => {
      if (list.selected >= 0) list.open?.(list.selected);
    },
    Escape: () => list.close?.(),
  });
}

/** A click on a row opens it, unless it meant a link or a button in it, or selected text. */
export function opensRow(event: { target: EventTarget | null }): boolean {
  const target = event.target;
  if (!(target instanceof Element) || target.closest('a, button') !== null) return false;
  return (getSelection()?.toString() ?? '') === '';
}
