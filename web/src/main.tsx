import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { ApiError } from './api/client.ts';
import { TokenPrompt } from './app/auth.tsx';
import { router } from './app/router.tsx';
import { WordsProvider } from './i18n/index.tsx';
import { keepColors } from './model/color.ts';
import { applyTheme } from './panel/theme.ts';
import './app/base.css';
import './app/parts.css';

const colorKey = 'clew.colors';

applyTheme();
keepColors(localStorage.getItem(colorKey), (text) => localStorage.setItem(colorKey, text));

let onUnauthenticated: () => void = () => {};

const isUnauthenticated = (error: unknown): boolean => error instanceof ApiError && error.status === 401;

const queryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error) => {
      if (isUnauthenticated(error)) onUnauthenticated();
    },
  }),
  defaultOptions: {
    queries: {
      // Once more, and only where trying again can help: what the server refused it will refuse again.
      retry: (count, error) => count < 1 && error instanceof ApiError && error.retryable,
      refetchOnWindowFocus: false,
      staleTime: 1_000,
      gcTime: 120_000,
    },
  },
});

function App() {
  const [locked, setLocked] = useState(false);
  onUnauthenticated = () => setLocked(true);
  const unlock = (): void => {
    setLocked(false);
    void queryClient.resetQueries();
  };
  return (
    <WordsProvider>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
        {locked && <TokenPrompt onToken={unlock} />}
      </QueryClientProvider>
    </WordsProvider>
  );
}

const root = document.getElementById('root');
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
