import { useEffect } from 'react';

/** Names the page in the browser's tab, its history and its bookmarks. A page below another is named last. */
export function usePageTitle(title: string | undefined): void {
  useEffect(() => {
    if (title !== undefined) document.title = title === '' ? 'Clew' : `${title} · Clew`;
  }, [title]);
}
