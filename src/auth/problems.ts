import type { AuthPolicy, JwtPolicy } from '../functions/security.ts';
import { minSecretBytes, readPublicKey } from './key-material.ts';

type Env = Readonly<Record<string, string>>;

const MIN_RSA_BITS = 2048; // RFC 7518 3.3

/** Why credentials that a policy seems to accept are refused (F136): for the log, by names and never by values. */
export function findPolicyProblems({ apiKey, jwt }: AuthPolicy, env: Env): string[] {
  const missing = (apiKey?.keys ?? [])
    .flatMap(({ env: name }) => name ?? [])
    .filter((name) => !env[name])
    .map((name) => `auth.api_key: ${name} is not set in fn.env.json, so no key matches it`);
  const problem = jwt && findKeyProblem(jwt, env);
  return problem ? [...missing, `auth.jwt: ${problem}, so every token is refused`] : missing;
}

function findKeyProblem({ keys, algorithms }: JwtPolicy, env: Env): string | null {
  if (keys.type === 'jwks_url' || keys.type === 'jwks') return null;
  const value = env[keys.env];
  if (!value) return `${keys.env} is not set in fn.env.json`;
  if (keys.type === 'public_key_env') return findPublicKeyProblem(keys.env, value);
  const needed = Math.min(...algorithms.map(minSecretBytes));
  const bytes = Buffer.byteLength(value);
  return bytes < needed ? `${keys.env} has ${bytes} bytes, and ${algorithms.join(', ')} needs ${needed}` : null;
}

function findPublicKeyProblem(name: string, value: string): string | null {
  const key = readPublicKey(value);
  if (!key) return `${name} is not a public key in PEM`;
  const bits = key.asymmetricKeyDetails?.modulusLength ?? MIN_RSA_BITS;
  return bits < MIN_RSA_BITS ? `${name} is an RSA key of ${bits} bits, and ${MIN_RSA_BITS} are needed` : null;
}
