'use strict';

const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { staticFiles } = require('./loaded-files.js');

/** Modules that every function finds unless it has its own of that name (docs/helpers.md). */
const HELPERS = path.resolve(__dirname, '../../helpers/node');
const HELPER_NAME = /['"]fastfn-auth['"]/;

/** Evaluates the function's entry and returns its exports (F66, F113). */
async function loadModule({ entry, compiled, paths }) {
  const isModule = compiled === null ? isEsm(entry) : compiled.format === 'esm';
  addPackageFolders([...paths, HELPERS]);
  if (isModule) addImportFolders(paths, compiled?.file ?? entry);
  if (compiled !== null) process.setSourceMapsEnabled(true);
  if (isModule) return importEsm(compiled?.file ?? entry);
  return compiled === null ? Module.createRequire(entry)(entry) : loadAs(entry, compiled.file);
}

/** Dependency folders, searched after those above the importing file. */
function addPackageFolders(folders) {
  const before = process.env.NODE_PATH;
  process.env.NODE_PATH = before ? [...folders, before].join(path.delimiter) : folders.join(path.delimiter);
  Module._initPaths();
  if (before === undefined) delete process.env.NODE_PATH;
  else process.env.NODE_PATH = before;
}

/** `import` knows no such variable; its hooks cost a thread, so only modules that may need them have them. */
function addImportFolders(folders, file) {
  const usesHelper = staticFiles([file]).some(mentionsHelper);
  if (folders.length === 0 && !usesHelper) return;
  const importers = folders.map((folder) => path.join(path.dirname(folder), 'import.js'));
  if (usesHelper) importers.push(path.join(HELPERS, 'fastfn-auth/import.js')); // a package finds itself by its name
  Module.register(pathToFileURL(path.join(__dirname, 'package-hooks.mjs')), {
    data: { importers: importers.map((importer) => pathToFileURL(importer).href) },
  });
}

function mentionsHelper(file) {
  try {
    return HELPER_NAME.test(fs.readFileSync(file, 'utf8'));
  } catch {
    return false;
  }
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

async function importEsm(file) {
  try {
    return await import(pathToFileURL(file));
  } catch (error) {
    if (error instanceof SyntaxError && !error.stack.startsWith('file:')) locate(error, file);
    throw error;
  }
}

/** V8 keeps the place of a module's syntax error to itself; `node --check` shows it. */
function locate(error, entry) {
  const { spawnSync } = require('node:child_process'); // a tenth of the start, seldom needed
  for (const file of staticFiles([entry])) {
    const { status, stderr } = spawnSync(process.execPath, ['--check', file], { encoding: 'utf8' });
    if (status === 0) continue;
    error.stack = stderr.split(/\n\s+at /)[0];
    return;
  }
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

/** `type` of a package.json, `commonjs` if it names none, undefined if there is no such file. */
function packageType(file) {
  let text;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  return JSON.parse(text).type ?? 'commonjs';
}

module.exports = { loadModule };
