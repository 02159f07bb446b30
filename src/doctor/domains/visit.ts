import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { causeOf, lookupIn, type Network, USER_AGENT } from './network.ts';

const MAX_REDIRECTS = 10; // P294
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Where a GET led to. */
export interface Visit {
  /** Status of the last answer; null when the last address did not answer. */
  readonly status: number | null;
  readonly finalUrl: string;
  readonly redirects: number;
  /** Why the last address did not answer; null if it did. */
  readonly failure: string | null;
}

/** Gets an address and follows its redirects, all within the time of one probe; never rejects. */
export async function visit(start: string, network: Network, maxRedirects = MAX_REDIRECTS): Promise<Visit> {
  const signal = AbortSignal.timeout(network.timeoutMs);
  let url = new URL(start);
  for (let redirects = 0; ; redirects++) {
    const seen = { finalUrl: url.href, redirects };
    try {
      const { status, location } = await get(url, network, signal);
      if (location === null || maxRedirects === 0) return { ...seen, status, failure: null };
      if (redirects === maxRedirects) return { ...seen, status, failure: `more than ${maxRedirects} redirects` };
      const next = new URL(location, url);
      if (next.protocol !== 'http:' && next.protocol !== 'https:')
        return { ...seen, status, failure: `it redirects to ${next.protocol} addresses` };
      url = next;
    } catch (error) {
      return { ...seen, status: null, failure: causeOf(error) };
    }
  }
}

interface Answer {
  readonly status: number;
  readonly location: string | null;
}

/** One request; its answer's body is not read (P297). */
function get(url: URL, network: Network, signal: AbortSignal): Promise<Answer> {
  const isSecure = url.protocol === 'https:';
  const options = {
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port || (isSecure ? network.ports.https : network.ports.http),
    path: `${url.pathname}${url.search}`,
    headers: { host: url.host, 'user-agent': USER_AGENT, accept: '*/*' },
    lookup: lookupIn(network),
    agent: false,
    signal,
    ...(network.authorities !== null && { ca: network.authorities }),
  };
  return new Promise((resolve, reject) => {
    const take = (answer: IncomingMessage) => {
      const status = answer.statusCode ?? 0;
      const location = REDIRECTS.has(status) ? (answer.headers.location ?? null) : null;
      answer.destroy();
      resolve({ status, location });
    };
    const request = isSecure ? requestHttps(options, take) : requestHttp(options, take);
    request.on('error', reject);
    request.end();
  });
}
