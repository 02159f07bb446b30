import type { AuthPolicy } from '../functions/security.ts';
import type { FunctionDefinition } from '../functions/types.ts';
import { type Credentials, Guard, type Verdict } from './guard.ts';
import type { KeyFinder } from './jwks.ts';
import { findPolicyProblems } from './problems.ts';
import { type AuthRecord, authRecord } from './record.ts';

interface Guarded {
  readonly guard: Guard;
  readonly record: AuthRecord;
  /** Policy and the values it names; while it is the same, verdicts stay valid. */
  readonly content: string;
}

/** The guards of all functions: the only place where credentials are judged. */
export class Authenticator {
  readonly #byFunction = new Map<string, Guarded>();
  readonly #remotes = new Map<string, KeyFinder>();
  readonly #log: (message: string) => void;
  #revision = 0;

  /** `log` takes errors for the operator; no credential is ever part of one. */
  constructor(log: (message: string) => void) {
    this.#log = log;
  }

  /** Takes a function's policy and environment as they are now; what nginx must know of them, null without a policy. */
  adopt({ key, file, policy: { auth }, env }: FunctionDefinition): AuthRecord | null {
    if (!auth) {
      this.forget(key);
      return null;
    }
    const content = JSON.stringify([auth, namedValues(auth, env.values)]);
    const former = this.#byFunction.get(key);
    if (former?.content === content) return former.record;
    for (const problem of findPolicyProblems(auth, env.values)) this.#log(`${file}: ${problem}`);
    this.#revision += 1;
    const guard = new Guard(auth, env.values, (url) => this.#remote(url));
    const record = authRecord(auth, String(this.#revision));
    this.#byFunction.set(key, { guard, record, content });
    return record;
  }

  forget(functionKey: string): void {
    this.#byFunction.delete(functionKey);
  }

  /** Judges the credentials of a request; never rejects, and never lets pass what it cannot judge. */
  async verify(functionKey: string, credentials: Credentials): Promise<Verdict> {
    try {
      return (await this.#byFunction.get(functionKey)?.guard.verify(credentials)) ?? { status: 503 };
    } catch (error) {
      this.#log(`${functionKey}: a credential could not be judged: ${(error as Error).message}`);
      return { status: 503 };
    }
  }

  /** Functions that trust one issuer share its keys. */
  #remote(url: string): KeyFinder {
    const known = this.#remotes.get(url);
    if (known) return known;
    const keys = import('./jwks.ts').then(({ RemoteKeys }) => new RemoteKeys(url, this.#log));
    const find: KeyFinder = async (header) => (await keys).find(header);
    this.#remotes.set(url, find);
    return find;
  }
}

function namedValues(policy: AuthPolicy, env: Readonly<Record<string, string>>): (string | undefined)[] {
  const keys = policy.jwt?.keys;
  const names = (policy.apiKey?.keys ?? []).flatMap((key) => key.env ?? []);
  return [...names, ...(keys && 'env' in keys ? [keys.env] : [])].map((name) => env[name]);
}
