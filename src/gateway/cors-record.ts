import type { CorsPolicy } from '../functions/security.ts';

/** A `cors` policy as openresty/cors.lua reads it (F142). */
export interface CorsRecord {
  /** Every origin may read, and no credentials go with it. */
  readonly any: boolean;
  readonly origins: Readonly<Record<string, true>>;
  /** `https://*.example.com` as what an origin begins and ends with. */
  readonly patterns: readonly { readonly prefix: string; readonly suffix: string }[];
  readonly credentials: boolean;
  /** Left out: the route's. */
  readonly methods?: readonly string[];
  /** Left out: those that are asked for. */
  readonly headers?: readonly string[];
  readonly expose?: string;
  readonly max_age: string;
}

export function corsRecord(policy: CorsPolicy): CorsRecord {
  const exact = policy.origins.filter((origin) => !origin.includes('*'));
  return {
    any: policy.origins.includes('*'),
    origins: Object.fromEntries(exact.map((origin) => [origin, true as const])),
    patterns: policy.origins.flatMap((origin) => {
      const [prefix = '', suffix] = origin.split('*');
      return origin === '*' || suffix === undefined ? [] : [{ prefix, suffix }];
    }),
    credentials: policy.credentials,
    ...(policy.methods && { methods: policy.methods }),
    ...(policy.headers && { headers: policy.headers }),
    ...(policy.exposeHeaders.length > 0 && { expose: policy.exposeHeaders.join(', ') }),
    max_age: String(policy.maxAgeSeconds),
  };
}
