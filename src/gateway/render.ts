import { readFileSync } from 'node:fs';
import { BlockList, isIPv6 } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Eta } from 'eta';
import type { FoundNginx } from '../doctor/types.ts';
import { packageRoot } from '../package-root.ts';
import type { ProjectConfig } from '../project/types.ts';
import { quoteLua, quoteNginx } from './quote.ts';

/** What the rendered nginx.conf depends on (P79): everything else arrives with the route table. */
export interface NginxConfInput {
  readonly config: ProjectConfig;
  readonly nginx: FoundNginx;
  readonly runDir: string;
  readonly port: number;
  readonly routes: number;
  readonly user: { readonly name: string; readonly group: string } | null;
  /** The address that loopback clients appear with where the port is published from outside, else null (P66). */
  readonly loopbackPeer: string | null;
}

/** Body limits of the internal locations that collect chunked bodies (P84); `openresty/platform.lua` picks one by name. */
const CHUNKED_STEPS = [65_536, 1_048_576, 16_777_216, 134_217_728];

/** A route's table record, twice (the old and the new base document stand side by side while one replaces the other). */
const TABLE_BYTES_PER_ROUTE = 8192;
/** Shared counters of one function: total and a share per nginx worker, for it and its workers. */
const COUNTER_BYTES_PER_ROUTE = 2048;
/** P81. */
const WANTED_FILES = 65_536;
const MEGABYTE = 1_048_576;

/** Renders nginx.conf (P81-P90). */
export function renderNginxConf(input: NginxConfInput): string {
  const { config, nginx, runDir } = input;
  const eta = new Eta({ views: join(packageRoot, 'templates'), autoEscape: false, useWith: false });
  return eta.render('nginx.conf.eta', {
    quote: quoteNginx,
    luaString: quoteLua,
    modules: nginx.modules,
    user: input.user,
    workerProcesses: nginxWorkers(config),
    fileLimit: Math.min(WANTED_FILES, hardFileLimit()),
    drainSeconds: Math.max(1, config.drainTimeoutSeconds),
    runDir,
    listen: `${config.host.includes(':') ? `[${config.host}]` : config.host}:${input.port}`,
    luaPackagePath: `${packageRoot}/?.lua;;`,
    tableMegabytes: Math.max(16, Math.ceil((input.routes * TABLE_BYTES_PER_ROUTE) / MEGABYTE)),
    counterMegabytes: Math.max(4, Math.ceil((input.routes * COUNTER_BYTES_PER_ROUTE) / MEGABYTE)),
    bodyCeilingBytes: config.limits.bodyCeilingBytes,
    accessLog: join(config.logs.dir, 'access.log'),
    accessFlush: config.command === 'dev' ? '200ms' : '1s',
    trustedProxies: trustedProxies(input),
    loopbackPeer: input.loopbackPeer,
    chunkedSteps: [
      ...CHUNKED_STEPS.filter((bytes) => bytes < config.limits.bodyCeilingBytes).map((bytes) => ({
        name: String(bytes),
        bytes,
      })),
      ...CHUNKED_STEPS.filter((bytes) => bytes >= config.limits.bodyCeilingBytes).map((bytes) => ({
        name: String(bytes),
        bytes: config.limits.bodyCeilingBytes,
      })),
      { name: 'ceiling', bytes: config.limits.bodyCeilingBytes },
    ],
  });
}

/** Whoever trusts a proxy on loopback means the one that appears with another address too (P66). */
function trustedProxies({ config: { trustedProxies }, loopbackPeer }: NginxConfInput): readonly string[] {
  const trusted = new BlockList();
  for (const block of trustedProxies) {
    const [address = '', bits] = block.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    trusted.addSubnet(address, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family);
  }
  return loopbackPeer !== null && trusted.check('127.0.0.1') ? [...trustedProxies, loopbackPeer] : trustedProxies;
}

/** The hard limit of open files (proc(5)): nginx may not raise its own above it. */
function hardFileLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    return Number(/^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1] ?? WANTED_FILES);
  } catch {
    return WANTED_FILES;
  }
}

/** How many nginx workers serve (P27): two at most in `dev`, one per processor in `run`. */
export function nginxWorkers(config: ProjectConfig): number {
  if (config.nginxWorkers !== 'auto') return config.nginxWorkers;
  return config.command === 'dev' ? Math.min(2, availableParallelism()) : availableParallelism();
}
