import { useT } from '../i18n/index.tsx';
import { CopyButton } from '../panel/bits.tsx';
import './home.css';

/** An empty store greets with what to do, and fills by itself: the page keeps asking. */
export function FirstSteps() {
  const t = useT();
  return (
    <div className="page first" data-testid="first-steps">
      <h1>{t('home.first.title')}</h1>
      <p className="dim">{t('home.first.text')}</p>
      <SendSteps />
    </div>
  );
}

/** How telemetry comes in, with the address of this very Clew. */
export function SendSteps() {
  const t = useT();
  // The console's own port takes OTLP as well: the only address that is known to lead here, whatever stands between.
  const endpoint = location.origin;
  const environment = [
    `OTEL_EXPORTER_OTLP_ENDPOINT=${endpoint}`,
    'OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf',
    'OTEL_SERVICE_NAME=my-service',
  ].join('\n');
  const curl = `curl -sS ${endpoint}/v1/logs -H 'content-type: application/json' -d '{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"hello"}}]},"scopeLogs":[{"logRecords":[{"timeUnixNano":"'$(date +%s)000000000'","severityNumber":9,"body":{"stringValue":"hello from curl"}}]}]}]}'`;
  return (
    <>
      <ol className="send-steps">
        <li>
          <p>{t('home.first.sdk')}</p>
          <Code text={environment} />
          <p className="dim">{t('home.first.port')}</p>
        </li>
        <li>
          <p>{t('home.first.demo')}</p>
          <Code text="npm run demo" />
          <p className="dim">{t('home.first.demo.note')}</p>
        </li>
        <li>
          <p>{t('home.first.curl')}</p>
          <Code text={curl} />
        </li>
      </ol>
      <p className="dim">
        <a href="/api/docs">{t('home.first.docs', { link: '/api/docs' })}</a>
      </p>
    </>
  );
}

const Code = ({ text }: { text: string }) => (
  <div className="code-line">
    <pre className="code">{text}</pre>
    <CopyButton text={text} />
  </div>
);
