import * as z from 'zod';

const Counter = z.record(z.string(), z.number());

/** Requests of one function that have ended. */
const RequestCountsShape = z.object({
  /** Sum of durations. */
  ms: z.number(),
  /** Bytes of requests and of answers, with their heads. */
  received: z.number(),
  sent: z.number(),
  /** By the upper end of their class of durations in milliseconds, or `slower`. */
  durations: Counter,
  /** By method and status: `GET 200`. */
  answers: Counter,
});
export type RequestCounts = z.infer<typeof RequestCountsShape>;

/** What openresty/metrics.lua has counted since it last told. */
export const GatewayCountsShape = z.object({
  /** By function key; empty where no function was found. */
  functions: z.record(z.string(), RequestCountsShape),
  rejected: Counter,
  auth_failures: Counter,
  cold_starts: z.number(),
});
export type GatewayCounts = z.infer<typeof GatewayCountsShape>;

/** What the requests of one function are doing, and how many found no place so far. */
const FunctionLoadShape = z.object({
  active: z.number(),
  queued: z.number(),
  overflow: z.number(),
  timeout: z.number(),
});
export type FunctionLoad = z.infer<typeof FunctionLoadShape>;

/** What openresty/private.lua says is going on now. */
export const GatewayLoadShape = z.object({
  /** By function key; those that have nothing to say are left out. */
  functions: z.record(z.string(), FunctionLoadShape).default({}),
  /** Requests that functions are handling. */
  in_flight: z.number(),
  /** Those of them that wait for a worker or for a place in one. */
  queued: z.number(),
  connections: z.object({ reading: z.number(), writing: z.number(), waiting: z.number() }).optional(),
});
export type GatewayLoad = z.infer<typeof GatewayLoadShape>;
