import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const MILLISECONDS = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

/** Drives one URL with wrk; `script` is a file of wrk's own Lua, for requests other than GET. */
export async function runWrk({ url, connections, seconds, script }) {
  const options = ['--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`, '--latency'];
  const { stdout } = await promisify(execFile)('wrk', [...options, ...(script ? ['--script', script] : []), url]);
  return parseWrk(stdout);
}

/** wrk's report: requests in all and per second, 99th percentile in ms, and how many were not answered with 2xx. */
export function parseWrk(report) {
  const total = /(\d+) requests in ([\d.]+)(us|ms|s|m)/.exec(report);
  if (total === null) throw new Error(`wrk said:\n${report}`);
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(report);
  const p99 = /^\s+99%\s+([\d.]+)(us|ms|s|m)\s*$/m.exec(report);
  const failed = /Non-2xx or 3xx responses: (\d+)/.exec(report);
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(report);
  return {
    requests: Number(total[1]),
    perSecond: Number(rate[1]),
    p99Ms: Number(p99[1]) * MILLISECONDS[p99[2]],
    errors: [failed?.[1], ...(sockets?.slice(1) ?? [])].reduce((sum, count) => sum + Number(count ?? 0), 0),
  };
}
