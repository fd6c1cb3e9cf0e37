/** Asks for the token when the server answered 401, and asks every question again once it is there. */
import { type FormEvent, useState } from 'react';
import { readToken, writeToken } from '../api/client.ts';
import { useT } from '../i18n/index.tsx';

export function TokenPrompt({ onToken }: { onToken: () => void }) {
  const t = useT();
  const [token, setToken] = useState('');
  const refused = readToken() !== '';
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    writeToken(token.trim());
    onToken();
  };
  return (
    <div className="veil">
      <form className="dialog" onSubmit={submit} aria-labelledby="auth-title" data-testid="token-prompt">
        <h2 id="auth-title">{t('auth.title')}</h2>
        <p className="dim">{t('auth.text')}</p>
        {refused && (
          <p className="bad" role="alert">
            {t('auth.wrong')}
          </p>
        )}
        <label className="field">
          {t('auth.field')}
          <input
            type="password"
            // biome-ignore lint/a11y/noAutofocus: the only thing to do on this screen
            autoFocus
            value={token}
            onChange={(event) => setToken(event.target.value)}
          />
        </label>
        <div className="dialog-buttons">
          <button type="submit" className="button primary" disabled={token.trim() === ''}>
            {t('auth.enter')}
          </button>
        </div>
      </form>
    </div>
  );
}
