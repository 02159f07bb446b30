import { domainToASCII } from 'node:url';
import { isObject, type Kind, type Parsed, quote, show } from './kinds.ts';

/** A public name and what `fastfn doctor domains` expects of it (P288). */
export interface DomainTarget {
  /** Lower case, without a final dot, in ASCII. */
  readonly domain: string;
  /** The address or name it has to lead to; null = any. */
  readonly expectedTarget: string | null;
  /** Plain HTTP has to lead to HTTPS. */
  readonly enforceHttps: boolean;
}

/** `domains` of fastfn.json: names, or objects that may use the spellings of older setups. */
export const domains: Kind<readonly DomainTarget[]> = {
  label: 'array of string or {domain, expected-target?, enforce-https?}',
  fromText: (value) => ({ problem: `cannot be given as text: ${quote(value)}` }),
  fromJson(value) {
    if (!Array.isArray(value)) return { problem: `must be an array, not ${show(value)}` };
    const targets: DomainTarget[] = [];
    for (const [index, entry] of value.entries()) {
      const parsed = readEntry(entry);
      if ('problem' in parsed) return { problem: `entry ${index + 1}: ${parsed.problem}` };
      targets.push(parsed.value);
    }
    return { value: targets };
  },
};

/** A name as it is looked up: lower case, without a final dot, international ones in their ASCII form. */
export function normaliseDomain(given: string): string {
  const name = given.trim().toLowerCase().replace(/\.$/, '');
  return /^[\u0020-\u007e]*$/.test(name) ? name : domainToASCII(name) || name;
}

/** Each name once, in order; the first mention counts. */
export function distinctDomains(targets: readonly DomainTarget[]): DomainTarget[] {
  return targets.filter(({ domain }, index) => targets.findIndex((target) => target.domain === domain) === index);
}

const NAMES: Readonly<Record<string, 'domain' | 'target' | 'https'>> = {
  domain: 'domain',
  host: 'domain',
  name: 'domain',
  expectedtarget: 'target',
  target: 'target',
  enforcehttps: 'https',
};

function readEntry(entry: unknown): Parsed<DomainTarget> {
  const given = typeof entry === 'string' ? { domain: entry } : entry;
  if (!isObject(given))
    return { problem: `${show(entry)} is neither a name nor {domain, expected-target?, enforce-https?}` };
  const members: { domain?: unknown; target?: unknown; https?: unknown } = {};
  for (const [key, value] of Object.entries(given)) {
    const member = NAMES[key.replaceAll(/[-_]/g, '').toLowerCase()];
    if (member === undefined) return { problem: `unknown key ${quote(key)}` };
    if (member in members) return { problem: `${quote(key)} says again what another key says` };
    members[member] = value;
  }
  const { domain, target = null, https = true } = members;
  if (typeof domain !== 'string' || domain.trim() === '') return { problem: `${show(entry)} names no domain` };
  if (target !== null && (typeof target !== 'string' || target.trim() === ''))
    return { problem: `expected-target must be an address or a name, not ${show(target)}` };
  if (typeof https !== 'boolean') return { problem: `enforce-https must be true or false, not ${show(https)}` };
  const expectedTarget = target === null ? null : normaliseDomain(target);
  return { value: { domain: normaliseDomain(domain), expectedTarget, enforceHttps: https } };
}
