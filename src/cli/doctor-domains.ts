import { publicNetwork } from '../doctor/domains/network.ts';
import { checkDomains } from '../doctor/domains/run.ts';
import { FastfnError } from '../errors.ts';
import { ConfigError } from '../project/config-error.ts';
import { readConfigFile } from '../project/config-file.ts';
import { type DomainTarget, distinctDomains, domains, normaliseDomain } from '../project/domains.ts';
import { boolean, splitList } from '../project/kinds.ts';
import type { CommandRun } from './commands.ts';
import { conclude, printReport } from './doctor-report.ts';
import { workingDirectory } from './load-project.ts';
import type { Invocation, Terminal } from './terminal.ts';

const DOMAIN_FLAGS = ['domain', 'expected-target', 'enforce-https', 'timeout'];
const MACHINE_FLAGS = ['fix', 'yes', 'mode'];
const DEFAULT_TIMEOUT = '8s';
const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };
const MAX_TIMEOUT_MS = 600_000;

/** `fastfn doctor domains` (P16): public names from outside, whatever state the project is in. */
export const doctorDomains: CommandRun = async (invocation, terminal) => {
  refuseFlags(invocation, MACHINE_FLAGS, 'is about this machine, not about domains');
  const timeoutMs = readTimeout((invocation.flags.timeout as string | undefined) ?? DEFAULT_TIMEOUT);
  const targets = await findTargets(invocation, terminal);
  const results = await checkDomains(targets, publicNetwork(timeoutMs));
  await printReport('domains', results, invocation, terminal);
  return conclude(results, invocation, terminal);
};

/** Flags of `domains` mean nothing without that word. */
export function refuseDomainFlags(invocation: Invocation): void {
  refuseFlags(invocation, DOMAIN_FLAGS, 'is a flag of "fastfn doctor domains"');
}

function refuseFlags({ flags }: Invocation, names: readonly string[], why: string): void {
  const given = names.find((name) => flags[name] !== undefined);
  if (given !== undefined) throw new FastfnError('USAGE', `--${given} ${why}`);
}

/** The names of `--domain`, else those of fastfn.json (P288). */
async function findTargets(invocation: Invocation, terminal: Terminal): Promise<readonly DomainTarget[]> {
  const { flags } = invocation;
  const names = ((flags.domain as readonly string[] | undefined) ?? []).flatMap(splitList);
  const enforceHttps = readSwitch(flags['enforce-https'] as string | boolean | undefined);
  const listed = names.map((name) => ({ domain: normaliseDomain(name), expectedTarget: null, enforceHttps }));
  const targets = flags.domain === undefined ? await readConfigured(invocation, terminal) : listed;
  if (targets.length === 0) {
    throw new FastfnError('USAGE', 'there is no domain to check', {
      hint: 'Name one with --domain, or list them as "domains" in fastfn.json.',
    });
  }
  const expected = flags['expected-target'] as string | undefined;
  const expectedTarget = expected === undefined ? undefined : normaliseDomain(expected);
  return distinctDomains(targets).map((target) =>
    expectedTarget === undefined ? target : { ...target, expectedTarget },
  );
}

async function readConfigured({ flags }: Invocation, terminal: Terminal): Promise<readonly DomainTarget[]> {
  const cwd = await workingDirectory(flags.cwd as string | undefined, terminal.cwd);
  const file = await readConfigFile(cwd, flags.config as string | undefined);
  if (file.problems.length > 0) throw new ConfigError(file.problems);
  if (!file.values.has('domains')) return [];
  const parsed = domains.fromJson(file.values.get('domains'));
  if ('problem' in parsed) throw new ConfigError([`${file.name}: domains: ${parsed.problem}`]);
  return parsed.value;
}

/** `--enforce-https`, also with a value; on by default. */
function readSwitch(given: string | boolean | undefined): boolean {
  if (given === undefined || typeof given === 'boolean') return given ?? true;
  const parsed = boolean.fromText(given);
  if ('problem' in parsed) throw new FastfnError('USAGE', `--enforce-https: ${parsed.problem}`);
  return parsed.value;
}

/** A time like `8s` or `500ms`; a bare number counts seconds. */
function readTimeout(given: string): number {
  const [, number, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(given.trim()) ?? [];
  const timeoutMs = Math.round(Number(number) * UNITS_MS[unit]!);
  if (timeoutMs >= 1 && timeoutMs <= MAX_TIMEOUT_MS) return timeoutMs;
  throw new FastfnError('USAGE', `--timeout: ${JSON.stringify(given)} is not a time from 1ms to 10m, like 8s or 500ms`);
}
