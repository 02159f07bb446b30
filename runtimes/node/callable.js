'use strict';

/** F66: `<name>`, `default.<name>`, then `default` and `module.exports` if they are functions themselves. */
function findHandler(exported, name) {
  const inDefault = exported?.default;
  if (typeof exported?.[name] === 'function') return bindTo(exported, exported[name]);
  if (typeof inDefault?.[name] === 'function') return bindTo(inDefault, inDefault[name]);
  if (typeof inDefault === 'function') return inDefault;
  return typeof exported === 'function' ? exported : undefined;
}

/** A method keeps its object, so that an exported instance finds its own fields. */
function bindTo(owner, method) {
  return typeof owner === 'object' ? method.bind(owner) : method;
}

/** The handler, or an error that names the file and what was looked for (F67). */
function requireHandler(exported, name, entry) {
  const handler = findHandler(exported, name);
  if (handler !== undefined) return handler;
  const tried = `export "${name}", "default.${name}", a default export or module.exports that is a function`;
  throw new HandlerNotFound(`${entry}: no handler found; looked for ${tried}`);
}

/** The module loads, but exports nothing that can be called. */
class HandlerNotFound extends Error {}

module.exports = { findHandler, requireHandler, HandlerNotFound };
