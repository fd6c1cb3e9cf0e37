/** A made-up system of services: who calls whom, where they run, what they store. */
export type Random = () => number;

export interface Operation {
  name: string;
  /** Typical time of its own, ms. */
  ownMs: number;
  calls: { service: number; operation: number }[];
  /** Statements that it asks of the service's database. */
  statements: string[];
  callsProvider: boolean;
}
export interface Service {
  name: string;
  host: number;
  operations: Operation[];
  database: string | null;
  version: string;
}
export interface System {
  services: Service[];
  hosts: string[];
  provider: string;
}

const nouns =
  'gateway cart order stock price search user mail route seat food station review voucher ledger invoice media report feed auth notify quota basket parcel refund'.split(
    ' ',
  );
const verbs = 'get list create update check reserve cancel render'.split(' ');

const pick = <T>(random: Random, list: readonly T[]): T => {
  const item = list[Math.floor(random() * list.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
};

/** Calls go from lower to higher numbers, so there is no cycle; 0 is the entry, and everything is reached from it. */
export function makeSystem(random: Random): System {
  const count = 6 + Math.floor(random() * 15);
  const hosts = Array.from({ length: Math.ceil(count / 4) }, (_, index) => `node-${index + 1}`);
  const services = nouns.slice(0, count).map((noun, index): Service => {
    const operations = Array.from({ length: index === 0 ? 3 : 1 + Math.floor(random() * 2) }, (_, at) => ({
      name: `${pick(random, verbs)}${noun[0]?.toUpperCase()}${noun.slice(1)}${at === 0 ? '' : at}`,
      ownMs: 2 + random() * 18,
      calls: [] as Operation['calls'],
      statements: [] as string[],
      callsProvider: false,
    }));
    return {
      name: `${noun}-service`,
      host: Math.floor(random() * hosts.length),
      operations,
      database: index > 0 && random() < 0.4 ? `${noun}-db` : null,
      version: `1.${Math.floor(random() * 9)}.0`,
    };
  });
  for (let callee = 1; callee < count; callee++) connect(services, callee, random);
  for (const service of services)
    if (service.database !== null)
      for (const operation of service.operations)
        operation.statements.push(`SELECT * FROM ${service.name.replace('-service', '')}s WHERE id = ?`);
  const last = services.at(-1);
  if (last?.operations[0]) last.operations[0].callsProvider = true;
  return { services, hosts, provider: 'api.provider.example' };
}

/** Every service has one or two callers that come before it, near ones more often. */
function connect(services: Service[], callee: number, random: Random): void {
  const callers = new Set([Math.floor(callee * Math.sqrt(random()))]);
  if (random() < 0.35) callers.add(Math.floor(random() * callee));
  for (const caller of callers) {
    const operation = pick(random, services[caller]?.operations ?? []);
    const into = services[callee]?.operations ?? [];
    operation.calls.push({ service: callee, operation: Math.floor(random() * into.length) });
  }
}
