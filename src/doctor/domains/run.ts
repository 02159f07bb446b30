import type { DomainTarget } from '../../project/domains.ts';
import { type Finding, skipped } from '../check.ts';
import type { CheckResult } from '../report.ts';
import { shakeHands } from './handshake.ts';
import { checkFormat, checkTarget, judgeAddresses, withoutAddress } from './names.ts';
import { type Addresses, type Network, resolveName } from './network.ts';
import { visit } from './visit.ts';
import { judgeChallenge, judgeExpiry, judgeHandshake, judgeReachability, judgeRedirect } from './web.ts';

const CHALLENGE_PATH = '/.well-known/acme-challenge/fastfn-doctor-probe'; // P296
const WEB_CHECKS = ['tls.handshake', 'tls.expiry', 'https.reachability', 'http.redirect', 'acme.challenge'] as const;
type WebCheck = (typeof WEB_CHECKS)[number];

/** Checks public names, all at once; the report has the order in which they were given (P288-P297). */
export async function checkDomains(targets: readonly DomainTarget[], network: Network): Promise<CheckResult[]> {
  const results = await Promise.all(targets.map((target) => checkDomain(target, network)));
  return results.flat();
}

async function checkDomain(target: DomainTarget, network: Network): Promise<CheckResult[]> {
  const { domain, expectedTarget } = target;
  const later = [...(expectedTarget === null ? [] : ['dns.target']), ...WEB_CHECKS];
  const result = (id: string, finding: Finding): CheckResult => ({ domain, id, ...finding });
  const format = checkFormat(domain);
  const first = [result('domain.format', format)];
  if (format.status === 'FAIL')
    return [...first, ...['dns.resolve', ...later].map((id) => result(id, skipped('the name is not valid')))];
  const found = await resolveName(domain, network);
  const resolved = judgeAddresses(found);
  first.push(result('dns.resolve', resolved));
  if (resolved.status === 'FAIL') return [...first, ...later.map((id) => result(id, withoutAddress(id)))];
  const [pointed, web] = await Promise.all([pointsTo(target, found, network), checkWeb(target, network)]);
  return [
    ...first,
    ...pointed.map((finding) => result('dns.target', finding)),
    ...WEB_CHECKS.map((id) => result(id, web[id])),
  ];
}

async function pointsTo({ expectedTarget }: DomainTarget, found: Addresses, network: Network): Promise<Finding[]> {
  return expectedTarget === null ? [] : [await checkTarget(expectedTarget, found, network)];
}

async function checkWeb(target: DomainTarget, network: Network): Promise<Record<WebCheck, Finding>> {
  const { domain } = target;
  const [handshake, secure, plain, challenge] = await Promise.all([
    shakeHands(domain, network),
    visit(`https://${domain}/`, network),
    visit(`http://${domain}/`, network),
    visit(`http://${domain}${CHALLENGE_PATH}`, network, 0),
  ]);
  return {
    'tls.handshake': judgeHandshake(handshake),
    'tls.expiry': judgeExpiry(handshake, new Date()),
    'https.reachability': judgeReachability(secure),
    'http.redirect': judgeRedirect(plain, target),
    'acme.challenge': judgeChallenge(challenge),
  };
}
