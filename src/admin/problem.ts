import { STATUS_CODES } from 'node:http';

/** A refusal or failure of the admin API: a problem document with a short stable text (P95). */
export class Problem extends Error {
  readonly status: number;
  readonly error: string;
  readonly detail: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** More members of the document: `candidates`, `missing_params` and the like. */
  readonly members: Readonly<Record<string, unknown>>;

  constructor(
    status: number,
    error: string,
    options: {
      readonly detail?: string | undefined;
      readonly headers?: Readonly<Record<string, string>>;
      readonly members?: Readonly<Record<string, unknown>>;
    } = {},
  ) {
    super(options.detail === undefined ? error : `${error}: ${options.detail}`);
    this.name = 'Problem';
    this.status = status;
    this.error = error;
    this.detail = options.detail;
    this.headers = options.headers ?? {};
    this.members = options.members ?? {};
  }

  /** The body of the answer, compact and in the order of P95. */
  toDocument(requestId: string): Record<string, unknown> {
    return {
      type: 'about:blank',
      title: STATUS_CODES[this.status] ?? 'Error',
      status: this.status,
      error: this.error,
      ...(this.detail !== undefined && { detail: this.detail }),
      ...this.members,
      request_id: requestId,
    };
  }
}
