import { scopesFor } from '../auth/scopes.ts';
import type { AuthPolicy } from '../functions/security.ts';
import type { SecurityRequirement, SecurityScheme } from './types.ts';

type Scheme = readonly [name: string, scheme: SecurityScheme];

const BEARER: Scheme = ['bearer', { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' }];

/** Says what operations ask for, and remembers the schemes that they name (P239). */
export class SecurityDescriber {
  readonly #schemes = new Map<string, SecurityScheme>();

  /** Every scheme so far, by name. */
  get schemes(): Readonly<Record<string, SecurityScheme>> {
    return Object.fromEntries(this.#schemes);
  }

  /**
   * One requirement for each way to satisfy the policy: a credential may come in several places, and of `any_scope` one
   * is enough.
   */
  describe(auth: AuthPolicy, method: string): SecurityRequirement[] {
    const kinds = [apiKeySchemes(auth), jwtSchemes(auth)].filter((schemes) => schemes.length > 0);
    for (const [name, scheme] of kinds.flat()) this.#schemes.set(name, scheme);
    const ways = auth.mode === 'all' ? product(kinds) : kinds.flat().map((scheme) => [scheme]);
    const scopeSets = waysToBeAllowed(auth, method);
    const requirements = ways.flatMap((schemes) =>
      scopeSets.map((scopes) => Object.fromEntries(schemes.map(([name]) => [name, scopes]))),
    );
    return auth.optional ? [{}, ...requirements] : requirements;
  }
}

function waysToBeAllowed({ scopes, anyScope }: AuthPolicy, method: string): (readonly string[])[] {
  const all = scopesFor(scopes, method);
  const any = scopesFor(anyScope, method);
  return any.length === 0 ? [all] : any.map((scope) => [...new Set([...all, scope])]);
}

function apiKeySchemes({ apiKey }: AuthPolicy): Scheme[] {
  if (!apiKey) return [];
  const header = keyScheme('header', apiKey.header);
  return apiKey.query === null ? [header] : [header, keyScheme('query', apiKey.query)];
}

function jwtSchemes({ jwt }: AuthPolicy): Scheme[] {
  if (!jwt) return [];
  const isBearer = jwt.header === 'authorization' && jwt.scheme === 'bearer';
  const header = isBearer ? BEARER : keyScheme('header', jwt.header);
  return jwt.cookie === null ? [header] : [header, keyScheme('cookie', jwt.cookie)];
}

/** Component names allow few characters; the others are written as their codes, so that names stay distinct. */
function keyScheme(place: 'header' | 'query' | 'cookie', name: string): Scheme {
  const safe = name.replace(/[^A-Za-z0-9.-]/g, (character) => `_${character.charCodeAt(0).toString(16)}_`);
  return [`${place}-${safe}`, { type: 'apiKey', in: place, name }];
}

/** Every choice of one scheme of each kind. */
function product(kinds: readonly (readonly Scheme[])[]): Scheme[][] {
  return kinds.reduce<Scheme[][]>((sets, kind) => sets.flatMap((set) => kind.map((scheme) => [...set, scheme])), [[]]);
}
