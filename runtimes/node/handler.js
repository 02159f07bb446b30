'use strict';

const { chooseAdapter } = require('./adapters.js');
const { createEvent } = require('./event.js');
const { loadModule } = require('./modules.js');

const DEFAULT_NAME = 'handler';

/**
 * Loads the function that a LOAD names, and returns what the worker serves from then on. `invoke(stream)` calls the
 * handler; the rest is what events are made of.
 */
async function loadProgram(message) {
  Object.assign(process.env, message.env);
  process.chdir(message.dir);
  const name = message.handler || DEFAULT_NAME;
  const exported = await loadModule(message);
  const adapter = chooseAdapter(message.adapter);
  return {
    key: message.function,
    revision: message.revision,
    concurrency: message.limits.concurrency,
    env: message.env,
    context: message.context,
    invoke: adapter === null ? native(exported, name, message) : adapter(exported, name, message),
  };
}

/** F70: the event and the route parameters. */
function native(exported, name, message) {
  const handler = requireHandler(exported, name, message);
  return (stream) => handler(createEvent(stream), stream.head.params);
}

/** F66: `<name>`, `default.<name>`, `default`, `module.exports`; the last two only if they are functions. */
function findHandler(exported, name) {
  const candidates = [
    [exported, exported?.[name]],
    [exported?.default, exported?.default?.[name]],
    [undefined, exported?.default],
    [undefined, exported],
  ];
  const found = candidates.find(([, value]) => typeof value === 'function');
  return found && bindTo(...found);
}

/** A method keeps its object: an exported instance finds its own fields. */
function bindTo(owner, callable) {
  return typeof owner === 'object' && owner !== null ? callable.bind(owner) : callable;
}

function requireHandler(exported, name, message) {
  const handler = findHandler(exported, name);
  if (handler !== undefined) return handler;
  const tried = [`export "${name}"`, `"default.${name}"`, 'a default export', 'module.exports'];
  const error = new Error(`${message.entry} has no handler: looked for ${tried.join(', ')} (F66)`);
  error.code = 'HANDLER_NOT_FOUND';
  throw error;
}

module.exports = { loadProgram, findHandler, requireHandler };
