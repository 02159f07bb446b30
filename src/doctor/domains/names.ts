import { BlockList, isIP } from 'node:net';
import type { Finding } from '../check.ts';
import { type Addresses, type Network, resolveName } from './network.ts';

const MAX_NAME = 253;
const LABEL = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;

/** P289 */
export function checkFormat(domain: string): Finding {
  const labels = domain.split('.');
  const isName = domain.length <= MAX_NAME && labels.length >= 2 && labels.every((label) => LABEL.test(label));
  if (isName && isIP(domain) === 0) return { status: 'OK', message: 'a valid name' };
  const hint = 'Write a name like api.example.com: no scheme, port, path, wildcard or address.';
  return { status: 'FAIL', message: `${JSON.stringify(domain)} is not a name that can be looked up`, hint };
}

/** P290 */
export function judgeAddresses({ addresses, cname, failure }: Addresses): Finding {
  const details = { addresses: addresses.join(', '), ...(cname !== null && { cname }) };
  if (addresses.length === 0 && cname === null) {
    const message = failure === null ? 'there are no A, AAAA or CNAME records' : `DNS does not answer (${failure})`;
    return { status: 'FAIL', message, hint: 'Check the records of the name and its name servers.' };
  }
  if (addresses.length === 0)
    return {
      status: 'FAIL',
      message: `${cname} has no address`,
      hint: 'Check the records that the CNAME leads to.',
      details,
    };
  if (addresses.every(isPrivate)) {
    const hint = 'Others cannot reach these addresses; check the A and AAAA records.';
    return { status: 'WARN', message: 'only private or loopback addresses', hint, details };
  }
  return { status: 'OK', message: addresses.join(', '), details };
}

/** P291: the target is an address among those of the name, its CNAME, or a name with the same addresses. */
export async function checkTarget(target: string, found: Addresses, network: Network): Promise<Finding> {
  if (isIP(target) !== 0) {
    const isThere = found.addresses.map(canonical).includes(canonical(target));
    return judgeTarget(isThere ? 'address' : null, target, found.addresses.join(', '));
  }
  if (found.cname === target) return judgeTarget('cname', target, found.cname);
  const { addresses } = await resolveName(target, network);
  const isSame = addresses.length > 0 && sameSet(addresses.map(canonical), found.addresses.map(canonical));
  const shown = [found.cname, found.addresses.join(', ')].filter(Boolean).join(' = ');
  const wanted = addresses.length === 0 ? `${target}, which has no address` : `${target} (${addresses.join(', ')})`;
  return judgeTarget(isSame ? 'addresses' : null, wanted, shown);
}

function judgeTarget(via: string | null, expected: string, found: string): Finding {
  const details = { expected, found: found || 'nothing' };
  if (via !== null) return { status: 'OK', message: `leads to ${expected}`, details: { ...details, via } };
  const hint = 'Change the A, AAAA or CNAME records, or turn off the proxy of the DNS provider.';
  return { status: 'FAIL', message: `leads to ${details.found}, not to ${expected}`, hint, details };
}

const PRIVATE = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  PRIVATE.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  PRIVATE.addSubnet(network, prefix, 'ipv6');

export function isPrivate(address: string): boolean {
  return PRIVATE.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** One spelling for each IPv6 address (RFC 5952). */
function canonical(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]`).hostname : address;
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((entry) => b.includes(entry));
}

/** What a failed look-up says about every later probe (P297). */
export function withoutAddress(id: string): Finding {
  return {
    status: id === 'acme.challenge' ? 'WARN' : 'FAIL',
    message: 'not tried: the name has no address',
    details: { cause: 'dns' },
  };
}
