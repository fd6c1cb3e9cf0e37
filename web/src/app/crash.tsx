import { type ErrorComponentProps, Link, useRouter } from '@tanstack/react-router';
import { useT } from '../i18n/index.tsx';
import { Empty, Problem } from '../panel/bits.tsx';

export function MissingPage() {
  const t = useT();
  return (
    <div className="page">
      <Empty title={t('error.notfound.title')}>
        <p>{t('error.notfound')}</p>
        <Link to="/" className="button">
          {t('action.home')}
        </Link>
      </Empty>
    </div>
  );
}

/** One page fell over; the frame stands and the others work. */
export function CrashPage({ error }: ErrorComponentProps) {
  const t = useT();
  const router = useRouter();
  return (
    <div className="page">
      <p className="dim">{t('error.crash')}</p>
      <Problem error={error} retry={() => void router.invalidate()} />
      <Link to="/" className="button">
        {t('action.home')}
      </Link>
    </div>
  );
}
