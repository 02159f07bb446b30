/** What a request says about where it was sent. */
export interface RequestOrigin {
  /** As the client used it: where a trusted proxy says so, https. */
  readonly isSecure: boolean;
  readonly host: string | undefined;
  /** X-Forwarded-Host, from a trusted proxy only. */
  readonly forwardedHost?: string | undefined;
}

const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

/**
 * The address that the document names as its server (P234): the configured one, else that of the request. A Host that is
 * none leads to `/`, which means the server that the document came from.
 */
export function serverUrl(publicBaseUrl: string | null, request: RequestOrigin): string {
  if (publicBaseUrl !== null) return publicBaseUrl;
  const host = firstValue(request.forwardedHost) ?? request.host;
  return host !== undefined && HOST.test(host) ? `${request.isSecure ? 'https' : 'http'}://${host}` : '/';
}

function firstValue(header: string | undefined): string | undefined {
  return header?.split(',', 1)[0]?.trim() || undefined;
}
