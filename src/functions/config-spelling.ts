import { isObject, type JsonObject } from './json-value.ts';

const FORCE_SPELLINGS = ['force_url', 'forceUrl', 'force-url'];
const PACK_SPELLINGS = ['sharedDeps', 'deps'];

/**
 * The same configuration with each key in one spelling and place (section 3.2): `force_url` and `forceUrl`, at the top or
 * in `invoke`, become `invoke["force-url"]`; `invoke.route` becomes `invoke.routes`; `include_debug_headers` moves into
 * `response`; `sharedDeps` and `deps` become `shared_deps`.
 */
export function normaliseSpelling(given: JsonObject): JsonObject {
  const config = structuredClone(given);
  const invoke = blockOf(config, 'invoke');
  for (const spelling of FORCE_SPELLINGS) {
    move(invoke, spelling, invoke, 'force-url');
    move(config, spelling, invoke, 'force-url');
  }
  if (typeof invoke.route === 'string') invoke.route = [invoke.route];
  move(invoke, 'route', invoke, 'routes');
  const response = blockOf(config, 'response');
  if (config.include_debug_headers === true) response.include_debug_headers = true; // either true counts
  move(config, 'include_debug_headers', response, 'include_debug_headers');
  for (const spelling of PACK_SPELLINGS) move(config, spelling, config, 'shared_deps');
  for (const [name, block] of Object.entries({ invoke, response })) {
    if (config[name] == null && Object.keys(block).length > 0) config[name] = block;
  }
  return config;
}

/** The block to move members into; a wrong type stays where it is, to be reported. */
function blockOf(config: JsonObject, name: string): JsonObject {
  const block = config[name];
  return isObject(block) ? block : {};
}

/** Moves a member to its proper name unless that one is given too. */
function move(from: JsonObject, key: string, to: JsonObject, name: string): void {
  if (!Object.hasOwn(from, key) || (from === to && key === name)) return;
  to[name] ??= from[key];
  delete from[key];
}
