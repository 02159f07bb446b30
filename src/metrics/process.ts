import { readdirSync, readFileSync } from 'node:fs';
import type { Registry } from './registry.ts';

/** What Prometheus expects of every process, for the supervisor; descriptors only where there is a /proc. */
export function measureProcess(registry: Registry): void {
  const { user, system } = process.cpuUsage();
  registry.set('process_cpu_seconds_total', {}, (user + system) / 1e6);
  registry.set('process_resident_memory_bytes', {}, process.memoryUsage.rss());
  registry.set('process_start_time_seconds', {}, Math.round((Date.now() - process.uptime() * 1000) / 1000));
  const open = openDescriptors();
  if (open !== null) registry.set('process_open_fds', {}, open);
  const most = mostDescriptors();
  if (most !== null) registry.set('process_max_fds', {}, most);
}

function openDescriptors(): number | null {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return null;
  }
}

function mostDescriptors(): number | null {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]; // proc(5)
    return soft === undefined ? null : Number(soft);
  } catch {
    return null;
  }
}
