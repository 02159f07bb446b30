import { Resolver } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { version } from '../../version.ts';

/** How public names are reached; tests put their own servers in its place. */
export interface Network {
  /** Name servers as `address:port`; null = those of this machine. */
  readonly nameServers: readonly string[] | null;
  readonly ports: { readonly http: number; readonly https: number };
  /** Certificate authorities in place of the usual ones (PEM); null = the usual ones. */
  readonly authorities: string | null;
  /** Time for each probe. */
  readonly timeoutMs: number;
}

export function publicNetwork(timeoutMs: number): Network {
  return { nameServers: null, ports: { http: 80, https: 443 }, authorities: null, timeoutMs };
}

export const USER_AGENT = `fastfn-doctor/${version}`; // P297

/** What DNS says of a name. */
export interface Addresses {
  /** IPv4 first. */
  readonly addresses: readonly string[];
  readonly cname: string | null;
  /** Code of a failure other than "there is no such record"; null if every question was answered. */
  readonly failure: string | null;
}

/** No record of this type, no such name. */
const ABSENT = new Set(['ENODATA', 'ENOTFOUND']);

/** Asks for A, AAAA and CNAME records at once; never rejects. */
export async function resolveName(name: string, { nameServers, timeoutMs }: Network): Promise<Addresses> {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 1 });
  if (nameServers !== null) resolver.setServers([...nameServers]);
  const timer = setTimeout(() => resolver.cancel(), timeoutMs); // several name servers take their time one after the other
  const failures: string[] = [];
  const ask = (question: Promise<string[]>) =>
    question.catch((error: NodeJS.ErrnoException): string[] => {
      if (!ABSENT.has(error.code ?? '')) failures.push(error.code ?? error.message);
      return [];
    });
  const [v4, v6, aliases] = await Promise.all([
    ask(resolver.resolve4(name)),
    ask(resolver.resolve6(name)),
    ask(resolver.resolveCname(name)),
  ]);
  clearTimeout(timer);
  return {
    addresses: [...v4, ...v6],
    cname: aliases[0]?.toLowerCase().replace(/\.$/, '') ?? null,
    failure: failures[0] ?? null,
  };
}

/** For sockets: names are looked up as the report says, not in this machine's hosts file. */
export function lookupIn(network: Network): LookupFunction {
  return (name, options, callback) => {
    resolveName(name, network).then(({ addresses, failure }) => {
      const found = addresses.map((address) => ({ address, family: isIP(address) }));
      if (found.length === 0)
        callback(Object.assign(new Error(`${name} has no address`), { code: failure ?? 'ENOTFOUND' }), []);
      else if (options.all) callback(null, found);
      else callback(null, found[0]!.address, found[0]!.family);
    });
  };
}

const FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'the connection was cut',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ENOTFOUND: 'dns',
  ETIMEDOUT: 'timeout',
  TimeoutError: 'timeout',
  ABORT_ERR: 'timeout',
};

/** Why a connection failed, in a word or two. */
export function causeOf(error: unknown): string {
  const { code, name, message, errors } = error as NodeJS.ErrnoException & { errors?: unknown[] };
  if (errors?.[0] !== undefined) return causeOf(errors[0]); // one attempt per address
  return FAILURES[code ?? ''] ?? FAILURES[name] ?? (message || code || 'unknown');
}
