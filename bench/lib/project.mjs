import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Handlers that do the same work in every language: one query argument into a small JSON document. */
export const HELLO = {
  node: {
    file: 'hello-js.js',
    source: `exports.handler = async (event) => ({ hello: event.query.name ?? 'world' });\n`,
  },
  python: {
    file: 'hello-py.py',
    source: `def handler(event):\n    return {"hello": event["query"].get("name", "world")}\n`,
  },
  php: {
    file: 'hello-php.php',
    source: `<?php\nfunction handler(array $event): array {\n    return ['hello' => $event['query']['name'] ?? 'world'];\n}\n`,
  },
  lua: {
    file: 'hello-lua.lua',
    source: `return function(event)\n  return { hello = event.query.name or "world" }\nend\n`,
  },
};

/** A handler that returns one number, in every language. */
export const NUMBER = {
  node: { extension: 'js', source: (value) => `exports.handler = () => ({ value: ${value} });\n` },
  typescript: { extension: 'ts', source: (value) => `export const handler = (): object => ({ value: ${value} });\n` },
  python: { extension: 'py', source: (value) => `def handler(event):\n    return {"value": ${value}}\n` },
  php: { extension: 'php', source: (value) => `<?php\nfunction handler($event) { return ['value' => ${value}]; }\n` },
  lua: { extension: 'lua', source: (value) => `return function(event) return { value = ${value} } end\n` },
};

/** Public path of a route file: its name without extension and method prefix. */
export function pathOf(file) {
  return `/${file.replace(/\.[a-z]+$/, '').replace(/^(get|post)\./, '')}`;
}

export function writeFiles(dir, files) {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), content);
  }
}
