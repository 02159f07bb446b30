/** Upper ends of the duration classes in seconds; openresty/metrics.lua sorts requests into the same ones. */
const REQUEST_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10] as const;
const INSTALL_SECONDS = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600] as const;
const RELOAD_SECONDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10] as const;

interface Declaration {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper ends of a histogram's classes, ascending; the class of everything above is implied. */
  readonly bounds?: readonly number[];
  /** Values of the only label that are shown before anything was counted, so that a rate is known from the first event. */
  readonly known?: readonly string[];
}

/** Every metric there is (P217). Names and labels are API: docs/metrics.md lists them. */
export const FAMILIES = {
  fastfn_http_requests_total: {
    type: 'counter',
    help: 'Requests answered, without those to the addresses of the platform itself.',
    labels: ['function', 'runtime', 'method', 'code'],
  },
  fastfn_http_request_duration_seconds: {
    type: 'histogram',
    help: 'Time from the first byte of a request to the last byte of its answer.',
    labels: ['function'],
    bounds: REQUEST_SECONDS,
  },
  fastfn_http_in_flight: { type: 'gauge', help: 'Requests that functions are handling.', labels: [] },
  fastfn_http_request_bytes_total: {
    type: 'counter',
    help: 'Bytes received with requests, head and body.',
    labels: [],
  },
  fastfn_http_response_bytes_total: { type: 'counter', help: 'Bytes sent as answers, head and body.', labels: [] },
  fastfn_queue_depth: {
    type: 'gauge',
    help: 'Requests in flight that wait for a worker or for a free place in one.',
    labels: [],
  },
  fastfn_rejected_total: {
    type: 'counter',
    help: 'Requests refused before their handler ran.',
    labels: ['reason'],
    known: ['body_size', 'overflow', 'queue_timeout', 'rate_limit', 'unavailable'],
  },
  fastfn_cold_starts_total: {
    type: 'counter',
    help: 'Requests that found no loaded worker of their function.',
    labels: [],
  },
  fastfn_workers: { type: 'gauge', help: 'Worker processes.', labels: ['runtime', 'state'] },
  fastfn_worker_starts_total: {
    type: 'counter',
    help: 'Worker processes started, because one was waited for (demand) or to have one ready (spare).',
    labels: ['reason'],
    known: ['demand', 'spare'],
  },
  fastfn_worker_exits_total: { type: 'counter', help: 'Worker processes ended.', labels: ['reason'] },
  fastfn_worker_rss_bytes: {
    type: 'gauge',
    help: 'Resident memory of all worker processes and their children.',
    labels: [],
  },
  fastfn_installs_total: {
    type: 'counter',
    help: 'Dependency installs that have ended.',
    labels: ['result'],
    known: ['done', 'failed'],
  },
  fastfn_install_duration_seconds: {
    type: 'histogram',
    help: 'Duration of dependency installs.',
    labels: [],
    bounds: INSTALL_SECONDS,
  },
  fastfn_reloads_total: {
    type: 'counter',
    help: 'Changes of functions: done, or failed while the last good version keeps serving.',
    labels: ['result'],
    known: ['done', 'failed'],
  },
  fastfn_reload_duration_seconds: {
    type: 'histogram',
    help: 'Time from a change on disk until every request sees it.',
    labels: [],
    bounds: RELOAD_SECONDS,
  },
  fastfn_routes: { type: 'gauge', help: 'Routes, without aliases.', labels: [] },
  fastfn_functions: { type: 'gauge', help: 'Functions.', labels: ['runtime'] },
  fastfn_route_conflicts: { type: 'gauge', help: 'Routes that several functions claim, answered 409.', labels: [] },
  fastfn_route_table_version: { type: 'gauge', help: 'Version of the route table that is served.', labels: [] },
  fastfn_schedule_runs_total: { type: 'counter', help: 'Scheduled invocations that have ended.', labels: ['result'] },
  fastfn_schedule_skipped_total: {
    type: 'counter',
    help: 'Scheduled invocations that did not take place.',
    labels: ['reason'],
  },
  fastfn_jobs: { type: 'gauge', help: 'Jobs that are kept.', labels: ['status'] },
  fastfn_jobs_finished_total: { type: 'counter', help: 'Jobs that have ended.', labels: ['result'] },
  fastfn_auth_failures_total: { type: 'counter', help: 'Credentials that were refused.', labels: ['kind'] },
  fastfn_admin_requests_total: { type: 'counter', help: 'Requests answered by the admin API.', labels: ['code'] },
  fastfn_build_info: { type: 'gauge', help: 'Always 1; the version is in its label.', labels: ['version'] },
  fastfn_nginx_connections: {
    type: 'gauge',
    help: 'Connections of clients and of the supervisor to nginx; active ones are the sum of the others.',
    labels: ['state'],
  },
  process_cpu_seconds_total: { type: 'counter', help: 'Processor time of the supervisor.', labels: [] },
  process_resident_memory_bytes: { type: 'gauge', help: 'Resident memory of the supervisor.', labels: [] },
  process_start_time_seconds: { type: 'gauge', help: 'When the supervisor started, since the Unix epoch.', labels: [] },
  process_open_fds: { type: 'gauge', help: 'Open file descriptors of the supervisor.', labels: [] },
  process_max_fds: { type: 'gauge', help: 'Most file descriptors the supervisor may open.', labels: [] },
} as const satisfies Readonly<Record<string, Declaration>>;

export type FamilyName = keyof typeof FAMILIES;
type NamesOf<Type> = { [Name in FamilyName]: (typeof FAMILIES)[Name]['type'] extends Type ? Name : never }[FamilyName];
export type CounterName = NamesOf<'counter'>;
export type GaugeName = NamesOf<'gauge'>;
export type HistogramName = NamesOf<'histogram'>;
/** The label values that a sample of this metric must have. */
export type LabelsOf<Name extends FamilyName> = Readonly<Record<(typeof FAMILIES)[Name]['labels'][number], string>>;

/** The declaration of a metric, in its general form. */
export function familyOf(name: FamilyName): Declaration {
  return FAMILIES[name];
}

/** Upper ends of a histogram's classes. */
export function boundsOf(name: HistogramName): readonly number[] {
  return FAMILIES[name].bounds;
}
