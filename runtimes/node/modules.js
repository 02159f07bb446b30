'use strict';

const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const { pathToFileURL } = require('node:url');

/** Evaluates the function's entry and returns its exports. */
async function loadModule({ entry, compiled, paths }) {
  addPackageFolders(paths);
  if (compiled !== null) {
    process.setSourceMapsEnabled(true);
    return compiled.format === 'cjs' ? loadAs(entry, compiled.file) : import(pathToFileURL(compiled.file));
  }
  return isEsm(entry) ? import(pathToFileURL(entry)) : Module.createRequire(entry)(entry);
}

/** Dependency folders that `require` searches after those above the requiring file (F113). */
function addPackageFolders(paths) {
  if (paths.length === 0) return;
  const before = process.env.NODE_PATH;
  process.env.NODE_PATH = [...paths, ...(before ? [before] : [])].join(path.delimiter);
  Module._initPaths();
  if (before === undefined) delete process.env.NODE_PATH;
  else process.env.NODE_PATH = before;
}

/** Runs a built CommonJS module as if it were `entry`: its relative and package paths start there. */
function loadAs(entry, file) {
  const module = new Module(entry);
  module.filename = entry;
  module.paths = Module._nodeModulePaths(path.dirname(entry));
  Module._cache[entry] = module;
  module._compile(fs.readFileSync(file, 'utf8'), entry);
  module.loaded = true;
  return module.exports;
}

/** Whether Node reads a file as an ES module: by its extension, or the nearest package.json above it. */
function isEsm(file) {
  if (file.endsWith('.mjs')) return true;
  if (file.endsWith('.cjs')) return false;
  for (let dir = path.dirname(file); ; dir = path.dirname(dir)) {
    const type = packageType(path.join(dir, 'package.json'));
    if (type !== undefined) return type === 'module';
    if (dir === path.dirname(dir)) return false;
  }
}

/** `type` of a package.json, `commonjs` if it has none, undefined if there is no such file. */
function packageType(file) {
  let text;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  return JSON.parse(text).type ?? 'commonjs';
}
function loadedFiles({ entry }) {
  return [entry];
}
function onFileLoaded() {}
module.exports = { loadModule, loadedFiles, onFileLoaded };
