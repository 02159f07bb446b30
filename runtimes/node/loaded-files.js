'use strict';

const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const { fileURLToPath, pathToFileURL } = require('node:url');

/** `from './x'`, `import './x'`, `import('./x')`; a match within a comment or string only adds a file that exists. */
const IMPORT = /\b(?:from|import)\s*\(?\s*(['"])([^'"\n]+)\1/g;

const JAVASCRIPT = /\.[cm]?js$/;

/**
 * The files under the functions root that a function consists of, dependency folders left out: what a save must be
 * compared with. Node lists the CommonJS modules it has loaded; ES modules are found by their import statements, with
 * files that are only imported later (`import()` with a literal) among them.
 */
function loadedFiles({ root, entry, compiled }) {
  const realRoot = fs.realpathSync(root);
  const asGiven = (file) => (isUnder(realRoot, file) ? root + file.slice(realRoot.length) : file);
  const loaded = Object.keys(Module._cache).filter((file) => isUnder(realRoot, file));
  const known = [entry, ...(compiled?.sources ?? []), ...loaded];
  const files = new Set(staticFiles(known.filter((file) => !isDependency(file))).map(asGiven));
  return [...files].filter((file) => isUnder(root, file) && !isDependency(file));
}

/** Given files and all that they import by relative path, directly or not. */
function staticFiles(entries) {
  const found = new Set(entries);
  for (const file of found) {
    if (JAVASCRIPT.test(file)) for (const imported of importsOf(file)) found.add(imported);
  }
  return [...found];
}

function importsOf(file) {
  let source;
  try {
    source = fs.readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  const relative = [...source.matchAll(IMPORT)]
    .map((match) => match[2])
    .filter((name) => /^(?:\.{1,2}\/|\/|file:)/.test(name));
  return relative
    .map((name) => fileURLToPath(new URL(name, pathToFileURL(file))))
    .filter((name) => fs.existsSync(name));
}

function isUnder(folder, file) {
  return file.startsWith(folder + path.sep);
}

function isDependency(file) {
  return file.includes(`${path.sep}node_modules${path.sep}`);
}

/** Calls `notify` once per turn in which CommonJS modules were loaded, however late a handler requires them. */
function onFileLoaded(notify) {
  const { load } = Module.prototype;
  let isPending = false;
  Module.prototype.load = function loadAndNotify(file) {
    if (!isPending) {
      isPending = true;
      setImmediate(() => {
        isPending = false;
        notify();
      });
    }
    return load.call(this, file);
  };
}

module.exports = { loadedFiles, staticFiles, onFileLoaded };
