/** Exit codes of the command line (P4-P8). */
export const ExitCode = { ok: 0, failure: 1, usage: 2, prerequisite: 3, interrupted: 130 } as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Every error code and the exit code it leads to. Codes are API: one line each in docs/reference/errors.md. */
const EXIT_CODES = {
  USAGE: ExitCode.usage,
  CONFIG_INVALID: ExitCode.usage,
  FUNCTION_CONFIG_INVALID: ExitCode.usage,
  DIRECTORY_MISSING: ExitCode.usage,
  NOT_AVAILABLE: ExitCode.usage,
  PREREQUISITE_MISSING: ExitCode.prerequisite,
  BINARY_UNUSABLE: ExitCode.prerequisite,
  DOCKER_UNAVAILABLE: ExitCode.prerequisite,
  PORT_IN_USE: ExitCode.failure,
  ALREADY_RUNNING: ExitCode.failure,
  NGINX_FAILED: ExitCode.failure,
  CONTAINER_FAILED: ExitCode.failure,
  NOT_READY: ExitCode.failure,
  ROUTE_CONFLICT: ExitCode.failure,
  WORKER_FAILED: ExitCode.failure,
  LOAD_FAILED: ExitCode.failure,
  INSTALL_FAILED: ExitCode.failure,
  IMAGE_FAILED: ExitCode.failure,
  SECRET_UNREADABLE: ExitCode.failure,
  EDIT_FAILED: ExitCode.failure,
  FOLDER_IN_USE: ExitCode.failure,
  NOT_RUNNING: ExitCode.failure,
  INVOKE_FAILED: ExitCode.failure,
  TESTS_FAILED: ExitCode.failure,
  STACK_UNREACHABLE: ExitCode.failure,
  PROTOCOL: ExitCode.failure,
  INTERNAL: ExitCode.failure,
  INTERRUPTED: ExitCode.interrupted,
} as const satisfies Record<string, ExitCode>;

export type ErrorCode = keyof typeof EXIT_CODES;

/**
 * The one error class of the control plane: the message states the fact and the value received, the hint says
 * what to do next, `cause` keeps the original. Thrown where the fact is known, printed only by src/cli.
 */
export class FastfnError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'FastfnError';
    this.code = code;
    this.hint = options.hint;
  }

  get exitCode(): ExitCode {
    return EXIT_CODES[this.code];
  }
}
