const REQUIRE = /\brequire\s*\(?\s*["']([A-Za-z0-9_.-]+)["']/g;

/** Modules that Lua code names in `require`, in order; those it computes at run time cannot be seen. */
export function requiredModules(source: string): string[] {
  return [...source.matchAll(REQUIRE)].map((match) => match[1] ?? '');
}
