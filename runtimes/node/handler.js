'use strict';

const { ADAPTERS } = require('./adapters.js');
const { loadModule } = require('./modules.js');

const DEFAULT_NAME = 'handler';

/**
 * Loads the function that a LOAD names and returns what the worker serves from then on: `invoke(stream)` calls the
 * handler, the rest is what events are made of. Rejects if the code cannot be loaded or has no handler.
 */
async function loadProgram(load) {
  Object.assign(process.env, load.env); // F133
  process.chdir(load.dir);
  const exported = await loadModule(load);
  return {
    key: load.function,
    revision: load.revision,
    concurrency: load.limits.concurrency,
    env: load.env,
    context: load.context,
    invoke: ADAPTERS[load.adapter](exported, load.handler || DEFAULT_NAME, load.entry),
  };
}

module.exports = { loadProgram };
