/** Everything a process of the shop is told at its start. This is the only file of the shop that reads the environment. */
export interface Settings {
  service: string;
  version: string;
  instanceId: string;
  /** Port to listen on; 0 picks a free one, which is reported to the supervisor. */
  port: number;
  otlpEndpoint: string;
  /** Base address of each other service, by name. */
  peers: Record<string, string>;
  /** Initial configuration values; later ones are pushed by the supervisor. */
  config: Record<string, string>;
  dataDir: string;
  memoryLimitBytes: number;
}

const record = (text: string | undefined): Record<string, string> => {
  const parsed: unknown = JSON.parse(text ?? '{}');
  if (typeof parsed !== 'object' || parsed === null) return {};
  return Object.fromEntries(Object.entries(parsed).map(([key, value]) => [key, String(value)]));
};

export function readSettings(env: Record<string, string | undefined> = process.env): Settings {
  return {
    service: env.OTEL_SERVICE_NAME ?? 'unnamed',
    version: env.SHOP_VERSION ?? 'v0.0.0',
    instanceId: env.SHOP_INSTANCE_ID ?? `${env.OTEL_SERVICE_NAME}-${process.pid}`,
    port: Number(env.SHOP_PORT ?? 0),
    otlpEndpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT ?? '',
    peers: record(env.SHOP_PEERS),
    config: record(env.SHOP_CONFIG),
    dataDir: env.SHOP_DATA_DIR ?? '.',
    memoryLimitBytes: Number(env.SHOP_MEMORY_LIMIT_BYTES ?? 268_435_456),
  };
}
