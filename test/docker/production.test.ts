import { existsSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestStack } from '../stack/support.ts';
import { buildStackImage, startInDocker } from './stack-support.ts';
import { describeWithDaemon } from './support.ts';

const WRITE = `exports.handler = () => {
  try { require('node:fs').writeFileSync(__dirname + '/x', '1'); return 'wrote'; } catch (error) { return error.code; }
};`;
const FILES = {
  'write.js': WRITE,
  'loaded/handler.php': `<?php
    $loader = require __DIR__ . '/vendor/autoload.php';
    function handler($event) { return class_exists('Composer\\Autoload\\ClassLoader') ? 'autoloaded' : 'nothing'; }`,
  'loaded/composer.json': { require: {} },
};

describeWithDaemon('fastfn run in a container', () => {
  let stack: TestStack;

  beforeAll(async () => {
    await buildStackImage();
    stack = await startInDocker(FILES, { command: 'run', args: ['--port', '0', '--log-format', 'json'] });
  });
  afterAll(() => stack?.stop());

  test('P62: handlers may not write the functions', async () => {
    expect((await stack.get('/write')).text).toBe('EROFS');
    expect(existsSync(join(stack.dir, 'x'))).toBe(false);
  });

  test('P25: the ready line is one JSON document that names Docker', () => {
    expect(JSON.parse(stack.stdout)).toMatchObject({ event: 'ready', url: stack.url, mode: 'docker' });
  });

  test('F151: a PHP function finds its packages although its folder is read-only', async () => {
    expect((await stack.get('/loaded')).text).toBe('autoloaded');
    expect(lstatSync(join(stack.dir, 'loaded/vendor')).isSymbolicLink()).toBe(true);
  });

  test('P9: SIGHUP reads the functions again where hot reload is off', async () => {
    stack.write({ 'later.js': 'exports.handler = () => "later";' });
    expect((await stack.get('/later')).status).toBe(404);
    stack.kill('SIGHUP');
    await expect.poll(async () => (await stack.get('/later')).text, { timeout: 10_000 }).toBe('later');
  });
});
