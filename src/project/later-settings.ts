import { boolean, integer, oneOf, seconds, text } from './kinds.ts';
import { later, optional, setting } from './setting.ts';

/** Settings of parts that this version does not have yet: checked like the others, so that one file fits both. */
export const LATER_GROUPS = {
  'Scheduler and jobs': later({
    'scheduler.enabled': setting(boolean, true, 'Run schedules', { inFile: true, env: ['FN_SCHEDULER_ENABLED'] }),
    'scheduler.persist': setting(boolean, true, 'Keep the state of schedules on disk', {
      inFile: true,
      env: ['FN_SCHEDULER_PERSIST_ENABLED'],
    }),
    'scheduler-interval': setting(integer(1), 1, 'Seconds between looks at the clock', {
      env: ['FN_SCHEDULER_INTERVAL'],
    }),
    'scheduler-persist-interval': setting(integer(5, 3600), 15, 'Seconds between saves', {
      env: ['FN_SCHEDULER_PERSIST_INTERVAL'],
    }),
    'scheduler-state-path': optional(text(), 'File of the scheduler', {
      env: ['FN_SCHEDULER_STATE_PATH'],
      defaultText: '<state dir>/scheduler-state.json',
    }),
    'jobs.enabled': setting(boolean, true, 'Accept jobs', { inFile: true, env: ['FN_JOBS_ENABLED'] }),
    'jobs.max-concurrency': setting(integer(1, 1024), 2, 'Jobs at once', {
      inFile: true,
      env: ['FN_JOBS_MAX_CONCURRENCY'],
    }),
    'jobs.max-result-bytes': setting(integer(1), 262_144, 'Longest result that is kept', {
      inFile: true,
      env: ['FN_JOBS_MAX_RESULT_BYTES'],
    }),
    'jobs.retention-hours': setting(integer(1), 72, 'How long finished jobs are kept', { inFile: true }),
    'jobs-poll-interval': setting(seconds(0), 1, 'Accepted, unused: the queue is event-driven', {
      env: ['FN_JOBS_POLL_INTERVAL'],
    }),
    'jobs-dir': optional(text(), 'Folder of the queue', { env: ['FN_JOBS_DIR'], defaultText: '<state dir>/jobs' }),
    'jobs-url': optional(text(), 'Shared job store', { env: ['FN_JOBS_URL'], secret: true }),
  }),
  Others: later({
    'home-function': optional(text(), 'Function that answers /', { env: ['FN_HOME_FUNCTION'] }),
    'home-redirect': optional(text(), 'Where / redirects to', { env: ['FN_HOME_REDIRECT'] }),
    'http-verify-tls': setting(boolean, true, 'Check certificates of servers the gateway calls', {
      env: ['FN_HTTP_VERIFY_TLS'],
    }),
    'strict-fs': setting(boolean, true, 'Limit the files a handler may read and write', { env: ['FN_STRICT_FS'] }),
    'strict-fs-allow': optional(text(), 'More folders a handler may use', { env: ['FN_STRICT_FS_ALLOW'] }),
    'dependencies.infer': setting(boolean, false, 'Derive dependencies from imports', { inFile: true }),
    'infer-python': setting(boolean, false, 'Derive Python dependencies from imports', {
      env: ['FN_AUTO_INFER_PY_DEPS'],
    }),
    'infer-node': setting(boolean, false, 'Derive Node dependencies from imports', {
      env: ['FN_AUTO_INFER_NODE_DEPS'],
    }),
    'infer-write-manifest': setting(boolean, false, 'Write what was derived', {
      env: ['FN_AUTO_INFER_WRITE_MANIFEST'],
    }),
    'infer-strict': setting(boolean, true, 'Fail on imports that cannot be resolved', {
      env: ['FN_AUTO_INFER_STRICT'],
    }),
    'infer-python-backend': setting(oneOf('native', 'pipreqs'), 'native', 'How Python imports are resolved', {
      env: ['FN_PY_INFER_BACKEND'],
    }),
    'infer-node-backend': setting(
      oneOf('native', 'detective', 'require-analyzer'),
      'native',
      'How Node imports are resolved',
      {
        env: ['FN_NODE_INFER_BACKEND'],
      },
    ),
    'go-build-timeout-seconds': setting(integer(1), 180, 'How long a Go build may take', {
      env: ['FN_GO_BUILD_TIMEOUT_S', 'GO_BUILD_TIMEOUT_S'],
    }),
    'rust-build-timeout-seconds': setting(integer(1), 180, 'How long a Rust build may take', {
      env: ['FN_RUST_BUILD_TIMEOUT_S'],
    }),
    'hot-reload-watchdog-poll': setting(seconds(0.01), 0.2, 'Step of polling watchers, seconds', {
      env: ['FN_HOT_RELOAD_WATCHDOG_POLL'],
    }),
    'runtime-log-file': optional(text(), 'File of handler output', {
      env: ['FN_RUNTIME_LOG_FILE'],
      defaultText: '<log dir>/runtime.log',
    }),
    'native-session-file': optional(text(), 'Where run.json is also written', { env: ['FASTFN_NATIVE_SESSION_FILE'] }),
  }),
};

/** Variables of older setups that do nothing here, with what to use instead, if anything. */
export const RETIRED_VARIABLES: readonly (readonly [pattern: RegExp, replacement: string | null])[] = [
  [/^FN_DOCKER_BIN$/, null],
  [/^FN_MAX_ASSET_BYTES$/, null],
  [/^FN_RUNTIME_SOCKETS$|^FN_(PY|NODE|PHP|RUST|GO)_SOCKET$/, 'FN_RUNTIME_DAEMONS'],
  [/^FN_MAX_FRAME_BYTES$/, 'FN_MAX_BODY_BYTES'],
  [/^FN_(PY|NODE|GO|RUST|PHP)_POOL_\w+$|^FN_(PY|GO|RUST)_RUNTIME_WORKER_POOL$/, 'worker_pool in fn.config.json'],
  [/^FN_NODE_RUNTIME_PROCESS_POOL$|^FN_PHP_DAEMON_MAX_CONNECTIONS$/, 'FN_RUNTIME_DAEMONS'],
  [/^FN_PUBLIC_EXPLORE$|^FN_LUA_COVERAGE\w*$/, null],
];
