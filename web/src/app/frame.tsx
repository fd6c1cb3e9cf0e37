/** What stands around every page: navigation, top bar, footer, and the keys that work everywhere. */
import { Link, Outlet, useNavigate, useRouterState, useSearch } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useRef, useState } from 'react';
import { languages, type MessageKey, useT, useWords } from '../i18n/index.tsx';
import { now } from '../model/clock.ts';
import { formatBytes, formatCount, formatMs, formatSpan, formatZone } from '../model/format.ts';
import { useFrame } from '../panel/frame.ts';
import { useCost, useNewest } from '../panel/freshness.ts';
import { useKeys } from '../panel/keys.ts';
import { toggleTheme } from '../panel/theme.ts';
import { useTick } from '../panel/tick.ts';
import { usePageTitle } from '../panel/title.ts';
import { Icon, type IconName, Mark } from './icons.tsx';
import { TimePicker } from './timepicker.tsx';

const Palette = lazy(() => import('./palette.tsx'));
const Help = lazy(() => import('./help.tsx'));
const EventDialog = lazy(() => import('../panel/eventdialog.tsx'));

const pages: {
  to:
    | '/'
    | '/cases'
    | '/logs'
    | '/series'
    | '/traces'
    | '/map'
    | '/patterns'
    | '/slo'
    | '/intake'
    | '/storage'
    | '/jobs'
    | '/admin';
  icon: IconName;
  key: MessageKey;
}[] = [
  { to: '/', icon: 'home', key: 'nav.home' },
  { to: '/cases', icon: 'cases', key: 'nav.cases' },
  { to: '/logs', icon: 'logs', key: 'nav.logs' },
  { to: '/series', icon: 'series', key: 'nav.series' },
  { to: '/traces', icon: 'traces', key: 'nav.traces' },
  { to: '/map', icon: 'map', key: 'nav.map' },
  { to: '/patterns', icon: 'patterns', key: 'nav.patterns' },
  { to: '/slo', icon: 'slo', key: 'nav.slo' },
  { to: '/intake', icon: 'intake', key: 'nav.intake' },
  { to: '/storage', icon: 'storage', key: 'nav.storage' },
  { to: '/jobs', icon: 'jobs', key: 'nav.jobs' },
  { to: '/admin', icon: 'admin', key: 'nav.admin' },
];

/** Pages about this moment, or with a time of their own, do not follow the range that is chosen for the others. */
const usesTime = (path: string): boolean => !/^\/(cases|map|slo|storage|admin)(\/|$)|^\/traces\/./.test(path);

type Overlay = 'palette' | 'help' | 'time' | null;

export function FrameLayout() {
  const t = useT();
  const [overlay, setOverlay] = useState<Overlay>(null);
  const { toggleLive, shift } = useFrame();
  useKeys({
    t: () => setOverlay('time'),
    '?': () => setOverlay('help'),
    l: toggleLive,
    '[': () => shift(-1),
    ']': () => shift(1),
    '/': focusQuery,
  });
  usePageTitle(useListTitle());
  usePaletteKey(() => setOverlay((open) => (open === 'palette' ? null : 'palette')));
  const close = (): void => setOverlay(null);
  return (
    <div className="frame">
      <a className="skip" href="#main">
        {t('frame.skip')}
      </a>
      <Navigation />
      <TopBar
        timeOpen={overlay === 'time'}
        onTime={(open) => setOverlay(open ? 'time' : null)}
        onPalette={() => setOverlay('palette')}
      />
      <main id="main" tabIndex={-1}>
        <Outlet />
      </main>
      <Footer onHelp={() => setOverlay('help')} />
      <Suspense fallback={null}>
        {overlay === 'palette' && <Palette close={close} />}
        {overlay === 'help' && <Help close={close} />}
        <OpenEvent />
      </Suspense>
    </div>
  );
}

/** Of the page that the address names; a case and a trace name themselves, for only they know what they show. */
function useListTitle(): string | undefined {
  const t = useT();
  const path = useRouterState({ select: (state) => state.location.pathname.replace(/(?<=.)\/$/, '') });
  if (/^\/(cases|traces)\/./.test(path)) return undefined;
  const page = pages.find(({ to }) => to === path);
  return t(page?.key ?? 'error.notfound.title');
}

/** The event that the address names, over whatever page is open. */
function OpenEvent() {
  const { event } = useSearch({ strict: false });
  const navigate = useNavigate();
  if (event === undefined) return null;
  const close = (): void =>
    void navigate({ to: '.', search: (prev) => ({ ...prev, event: undefined }), resetScroll: false });
  return <EventDialog key={event} id={event} close={close} />;
}

function focusQuery(): void {
  document.querySelector<HTMLInputElement>('[data-query]')?.focus();
}

/** Ctrl+K and ⌘K work while typing, too, and so stand outside the page's keys. */
function usePaletteKey(toggle: () => void): void {
  const current = useRef(toggle);
  current.current = toggle;
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() !== 'k' || !(event.metaKey || event.ctrlKey)) return;
      event.preventDefault();
      current.current();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
}

function Navigation() {
  const t = useT();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const isHere = (to: string): boolean => (to === '/' ? path === '/' : path.startsWith(to));
  return (
    <nav className="nav" aria-label={t('nav.label')}>
      <Link to="/" className="logo" aria-label="Clew" tabIndex={-1}>
        <Mark />
      </Link>
      {pages.map((page) => (
        <Link
          key={page.to}
          to={page.to}
          className={`nav-item ${isHere(page.to) ? 'here' : ''}`}
          aria-current={isHere(page.to) ? 'page' : undefined}
          data-testid={`nav-${page.icon}`}
        >
          <Icon name={page.icon} />
          {t(page.key)}
        </Link>
      ))}
    </nav>
  );
}

function TopBar(props: { timeOpen: boolean; onTime: (open: boolean) => void; onPalette: () => void }) {
  const { t, language, setLanguage } = useWords();
  const { live, pinned, toggleLive } = useFrame();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const other = languages.find((each) => each !== language) ?? 'en';
  return (
    <header className="topbar">
      <span className="wordmark">Clew</span>
      <button type="button" className="palette-button" onClick={props.onPalette} data-testid="palette-open">
        <Icon name="search" />
        <span>{t('frame.search')}</span>
        <kbd>⌘K</kbd>
      </button>
      <span className="grow" />
      {usesTime(path) && <TimePicker open={props.timeOpen} onOpen={props.onTime} />}
      <button
        type="button"
        className={`button live ${live ? 'on' : ''}`}
        aria-pressed={live}
        title={pinned ? t('frame.live.pinned') : live ? t('frame.live.on') : t('frame.live.off')}
        onClick={toggleLive}
        data-testid="live-toggle"
      >
        <i aria-hidden="true" />
        {t('frame.live')}
      </button>
      <button
        type="button"
        className="button quiet"
        title={t('frame.language')}
        onClick={() => setLanguage(other)}
        data-testid="language-toggle"
      >
        {other === 'zh' ? '中文' : 'EN'}
      </button>
      <button
        type="button"
        className="button quiet"
        title={t('frame.theme')}
        aria-label={t('frame.theme')}
        onClick={toggleTheme}
        data-testid="theme-toggle"
      >
        <Icon name="theme" />
      </button>
    </header>
  );
}

function Footer({ onHelp }: { onHelp: () => void }) {
  const t = useT();
  const cost = useCost();
  const newest = useNewest();
  const at = useTick(1_000);
  return (
    <footer className="footer">
      <span>
        {cost !== null &&
          t('frame.cost', {
            rows: formatCount(cost.rows_read),
            bytes: formatBytes(cost.bytes_read),
            ms: formatMs(cost.elapsed_ms),
          })}
      </span>
      {newest !== null && <span>{t('frame.fresh', { age: formatSpan(at - newest) })}</span>}
      <span className="grow" />
      <span>{t('frame.zone', { zone: formatZone(now()) })}</span>
      <a href="/api/docs">{t('frame.docs')}</a>
      <button type="button" className="link" onClick={onHelp}>
        {t('frame.help')} <kbd>?</kbd>
      </button>
    </footer>
  );
}
