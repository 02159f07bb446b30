import { createHash, createHmac, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { parseCookie, stringifySetCookie } from 'cookie';
import type { AdminConfig } from '../project/types.ts';
import { isEqual } from './caller.ts';

export const SESSION_COOKIE = 'fastfn_session';

type Login = AdminConfig['login'];

/** Issues and reads the console's signed cookie (P157-P159). Holds no state: whoever has the secret can verify a session. */
export class Sessions {
  readonly #login: Login;

  constructor(login: Login) {
    this.#login = login;
  }

  /** Whether user name and password are right, in constant time with respect to both. */
  async verify(username: string, password: string): Promise<boolean> {
    const nameIsRight = isEqual(username, this.#login.username ?? '');
    const passwordIsRight = await verifyPassword(password, this.#login);
    return this.#login.username !== null && nameIsRight && passwordIsRight;
  }

  /** The Set-Cookie value of a new session. */
  issue(user: string, isSecure: boolean, now = Date.now()): string {
    const expires = Math.floor(now / 1000) + this.#login.sessionTtlSeconds;
    const claims = Buffer.from(JSON.stringify({ user, expires, credentials: this.#fingerprint() })).toString(
      'base64url',
    );
    return this.#cookie(`${claims}.${this.#sign(claims)}`, this.#login.sessionTtlSeconds, isSecure);
  }

  /** The Set-Cookie value that ends a session in the browser. */
  clear(isSecure: boolean): string {
    return this.#cookie('', 0, isSecure);
  }

  /** The user of a request's valid session, else null. */
  read(cookieHeader: string | undefined, now = Date.now()): string | null {
    if (this.#login.sessionSecret === null) return null;
    const [claims, signature, more] = (parseCookie(cookieHeader ?? '')[SESSION_COOKIE] ?? '').split('.');
    if (!claims || !signature || more !== undefined || !isEqual(signature, this.#sign(claims))) return null;
    const session = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Session; // signed by us, so well formed
    if (session.credentials !== this.#fingerprint() || session.expires * 1000 <= now) return null;
    return session.user;
  }

  /** Changes with every credential, so that a change ends all sessions. */
  #fingerprint(): string {
    const { username, passwordHash, password } = this.#login;
    return createHash('sha256')
      .update(JSON.stringify([username, passwordHash, password]))
      .digest('base64url');
  }

  #sign(claims: string): string {
    return createHmac('sha256', this.#login.sessionSecret ?? '')
      .update(claims)
      .digest('base64url');
  }

  #cookie(value: string, maxAge: number, isSecure: boolean): string {
    return stringifySetCookie({
      name: SESSION_COOKIE,
      value,
      path: '/',
      httpOnly: true,
      sameSite: 'strict',
      maxAge,
      secure: isSecure,
    });
  }
}

interface Session {
  readonly user: string;
  /** Epoch seconds. */
  readonly expires: number;
  readonly credentials: string;
}

const PBKDF2 = /^pbkdf2-sha256:(\d+):((?:[0-9a-f]{2})+):([0-9a-f]{64})$/i;
const SHA256 = /^sha256:([0-9a-f]{64})$/i;

async function verifyPassword(password: string, login: Login): Promise<boolean> {
  const hash = login.passwordHash;
  if (hash === null) return login.password !== null && isEqual(password, login.password);
  const salted = PBKDF2.exec(hash);
  if (salted) {
    const [, iterations, salt, digest] = salted as unknown as [string, string, string, string];
    const derived = await promisify(pbkdf2)(password, Buffer.from(salt, 'hex'), Number(iterations), 32, 'sha256');
    return isEqual(derived.toString('hex'), digest.toLowerCase());
  }
  const plain = SHA256.exec(hash);
  return plain !== null && isEqual(createHash('sha256').update(password).digest('hex'), plain[1]!.toLowerCase());
}
