import type { DomainTarget } from '../../project/domains.ts';
import { type Finding, skipped } from '../check.ts';
import type { Handshake } from './handshake.ts';
import type { Visit } from './visit.ts';

const DAY_MS = 86_400_000;
const RENEWAL_DAYS = 14; // P293

/** P292 */
export function judgeHandshake({ certificate, cause }: Handshake): Finding {
  const details = {
    ...(cause !== null && { cause }),
    ...(certificate !== null && {
      not_after: certificate.notAfter.toISOString(),
      issuer: certificate.issuer,
      common_name: certificate.commonName,
      dns_names: certificate.dnsNames.join(', '),
      protocol: certificate.protocol,
    }),
  };
  if (cause === null && certificate !== null)
    return { status: 'OK', message: `${certificate.protocol}, issued by ${certificate.issuer}`, details };
  const hint =
    certificate === null
      ? 'Check that port 443 is open and that TLS ends there.'
      : 'Check the certificate and its chain where TLS ends.';
  return { status: 'FAIL', message: `${cause}`, hint, details };
}

/** P293 */
export function judgeExpiry({ certificate }: Handshake, now: Date): Finding {
  if (certificate === null) return skipped('no certificate was shown');
  const days = Math.floor((certificate.notAfter.getTime() - now.getTime()) / DAY_MS);
  const details = { days: String(days), not_after: certificate.notAfter.toISOString() };
  if (days > RENEWAL_DAYS) return { status: 'OK', message: `${days} days left`, details };
  const hint = 'Renew the certificate, and check that renewal is automatic.';
  if (days >= 0) return { status: 'WARN', message: `${days} days left`, hint, details };
  return { status: 'FAIL', message: `expired ${-days} days ago`, hint, details };
}

/** P294 */
export function judgeReachability(visit: Visit): Finding {
  const details = describeVisit(visit);
  const { status, failure } = visit;
  if (failure === null && status !== null && status < 500)
    return { status: 'OK', message: `${visit.finalUrl} answers ${status}`, details };
  const hint = 'Check port 443 and where the proxy sends this host.';
  return { status: 'FAIL', message: describeFailure(visit), hint, details };
}

/** P295. Only where plain HTTP leads matters: whether HTTPS then answers is `https.reachability`. */
export function judgeRedirect(visit: Visit, { domain, enforceHttps }: DomainTarget): Finding {
  const details = describeVisit(visit);
  const end = new URL(visit.finalUrl);
  const hint = `Redirect http://${domain}/ to https://${domain}/.`;
  if (visit.status === null && end.protocol === 'http:')
    return {
      status: 'WARN',
      message: describeFailure(visit),
      hint: 'Open port 80, or accept that only https:// works.',
      details,
    };
  if (!enforceHttps) return { status: 'OK', message: `ends at ${visit.finalUrl}`, details };
  if (end.protocol === 'http:')
    return { status: 'FAIL', message: `ends at ${visit.finalUrl}, without HTTPS`, hint, details };
  if (end.hostname === domain) return { status: 'OK', message: `leads to ${visit.finalUrl}`, details };
  return { status: 'WARN', message: `leads to another host, ${end.hostname}`, hint, details };
}

/** P296 */
export function judgeChallenge(visit: Visit): Finding {
  const details = describeVisit(visit);
  if (visit.status === null) {
    const hint = 'Open port 80 in the firewall: certificate authorities ask there (HTTP-01).';
    return { status: 'WARN', message: describeFailure(visit), hint, details };
  }
  if (visit.status < 500) return { status: 'OK', message: `port 80 answers ${visit.status}`, details };
  const hint = 'Let the proxy serve /.well-known/acme-challenge/ itself.';
  return { status: 'FAIL', message: `answers ${visit.status}`, hint, details };
}

function describeVisit({ status, finalUrl, redirects, failure }: Visit): Record<string, string> {
  return {
    ...(status !== null && { status: String(status) }),
    final_url: finalUrl,
    redirects: String(redirects),
    ...(failure !== null && { cause: failure }),
  };
}

function describeFailure({ status, finalUrl, failure }: Visit): string {
  return failure === null ? `${finalUrl} answers ${status}` : `${finalUrl}: ${failure}`;
}
