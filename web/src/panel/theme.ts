/** Dark unless the system or the person says light. The choice stands on <html data-theme>. */
import { useSyncExternalStore } from 'react';

export type Theme = 'dark' | 'light';
const storageKey = 'clew.theme';
const listeners = new Set<() => void>();

function initialTheme(): Theme {
  const inUrl = new URLSearchParams(location.search).get('theme');
  const chosen = inUrl ?? localStorage.getItem(storageKey);
  if (chosen === 'dark' || chosen === 'light') return chosen;
  return matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark';
}

let theme: Theme = initialTheme();

export function applyTheme(): void {
  document.documentElement.dataset.theme = theme;
}

export function toggleTheme(): void {
  theme = theme === 'dark' ? 'light' : 'dark';
  localStorage.setItem(storageKey, theme);
  applyTheme();
  for (const listener of listeners) listener();
}

export const useTheme = (): Theme =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => theme,
  );
