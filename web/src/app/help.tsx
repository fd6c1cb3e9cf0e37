import { useT } from '../i18n/index.tsx';
import { Dialog } from '../panel/dialog.tsx';

export default function Help({ close }: { close: () => void }) {
  const t = useT();
  const rows: [string, string][] = [
    ['⌘K  Ctrl+K', t('help.palette')],
    ['/', t('help.query')],
    ['t', t('help.time')],
    ['[  ]', t('help.shift')],
    ['l', t('help.live')],
    ['j  k', t('help.rows')],
    ['Enter', t('help.open')],
    ['Esc', t('help.back')],
    [t('help.click'), t('help.include')],
    [t('help.altclick'), t('help.exclude')],
    ['?', t('help.this')],
  ];
  return (
    <Dialog title={t('help.title')} close={close}>
      <dl className="help">
        {rows.map(([key, text]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
