import { connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { causeOf, lookupIn, type Network } from './network.ts';

/** What a TLS server shows of itself. */
export interface Certificate {
  readonly notAfter: Date;
  readonly issuer: string;
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  /** Like `TLSv1.3`. */
  readonly protocol: string;
}

export interface Handshake {
  /** null: there was no handshake. */
  readonly certificate: Certificate | null;
  /** Why the server cannot be trusted or reached; null if it can. */
  readonly cause: string | null;
}

/** OpenSSL's verdicts (verify(1)) and Node's own, in words. */
const CAUSES: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: 'name mismatch',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'self-signed',
  UNABLE_TO_GET_ISSUER_CERT: 'unknown CA',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unknown CA',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unknown CA',
  ERR_SSL_WRONG_VERSION_NUMBER: 'what answers does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'what answers does not speak TLS',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'TLS older than 1.2',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'TLS older than 1.2',
};

/** Shakes hands on port 443 by name, and looks at the certificate also when it is not to be trusted; never rejects. */
export function shakeHands(domain: string, network: Network): Promise<Handshake> {
  return new Promise((resolve) => {
    const socket = connect({
      host: domain,
      port: network.ports.https,
      servername: domain,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: false, // an expired certificate is to be shown, not only refused
      lookup: lookupIn(network),
      ...(network.authorities !== null && { ca: network.authorities }),
    });
    const finish = (result: Handshake) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => finish({ certificate: null, cause: 'timeout' }), network.timeoutMs);
    socket.on('error', (error) => finish({ certificate: null, cause: wordsFor(error) }));
    socket.on('secureConnect', () => finish({ certificate: readCertificate(socket), cause: verdictOn(socket) }));
  });
}

function verdictOn({ authorized, authorizationError }: TLSSocket): string | null {
  if (authorized) return null;
  const code: unknown = authorizationError; // a code, or an error where the name does not match
  return typeof code === 'string' ? (CAUSES[code] ?? code) : wordsFor(code);
}

function wordsFor(error: unknown): string {
  return CAUSES[(error as NodeJS.ErrnoException).code ?? ''] ?? causeOf(error);
}

function readCertificate(socket: TLSSocket): Certificate {
  const { valid_to: notAfter, issuer, subject, subjectaltname = '' }: PeerCertificate = socket.getPeerCertificate();
  return {
    notAfter: new Date(notAfter),
    issuer: text(issuer?.CN ?? issuer?.O),
    commonName: text(subject?.CN),
    dnsNames: [...subjectaltname.matchAll(/DNS:([^,\s]+)/g)].map(([, name]) => name!),
    protocol: socket.getProtocol() ?? '',
  };
}

/** A subject may hold one name several times. */
function text(value: string | string[] | undefined): string {
  return [value ?? []].flat().join(', ');
}
