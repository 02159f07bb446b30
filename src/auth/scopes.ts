import type { AuthPolicy, ScopeRule } from '../functions/security.ts';

/** Scopes a token grants: the named claims united, each a string separated by blanks or commas, or an array (F138). */
export function grantedScopes(claims: Readonly<Record<string, unknown>>, names: readonly string[]): string[] {
  const granted = names.flatMap((name) => (Object.hasOwn(claims, name) ? scopesIn(claims[name]) : []));
  return [...new Set(granted)];
}

function scopesIn(claim: unknown): string[] {
  if (typeof claim === 'string') return claim.split(/[\s,]+/).filter((scope) => scope !== '');
  return Array.isArray(claim) ? claim.filter((scope) => typeof scope === 'string') : [];
}

/** The scopes to ask for where `granted` does not do for this method; null where it does. */
export function missingScopes(policy: AuthPolicy, method: string, granted: readonly string[]): string[] | null {
  const all = scopesFor(policy.scopes, method);
  const any = scopesFor(policy.anyScope, method);
  const hasAll = all.every((scope) => granted.includes(scope));
  const hasAny = any.length === 0 || any.some((scope) => granted.includes(scope));
  if (hasAll && hasAny) return null;
  return [...new Set([...(hasAll ? [] : all), ...(hasAny ? [] : any)])];
}

/** Whether the answer to `missingScopes` can differ from method to method. */
export function dependOnMethod({ scopes, anyScope }: AuthPolicy): boolean {
  return [scopes, anyScope].some((rule) => Object.keys(rule).some((method) => method !== '*'));
}

/** The scopes that a rule asks of a method. HEAD reads what GET reads, so it needs what GET needs. */
export function scopesFor(rule: ScopeRule, method: string): readonly string[] {
  return rule[method] ?? (method === 'HEAD' ? rule.GET : undefined) ?? rule['*'] ?? [];
}
