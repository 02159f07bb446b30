import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { TestStack } from './support.ts';

const PAGE = readFileSync(join(packageRoot, 'docs/auth.md'), 'utf8');
const ISSUER_URL = 'https://id.example.com/.well-known/jwks.json';

/** The files that the page shows, each introduced by its name. */
function shownFiles(): Record<string, string> {
  const blocks = PAGE.matchAll(/^`([^`\n]+)`:\n\n```\w+\n([\s\S]*?)^```/gm);
  return Object.fromEntries([...blocks].map(([, name, text]) => [name!, text!]));
}

describe('the functions that docs/auth.md shows', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  let issuer: Server;
  let stack: TestStack;
  beforeAll(async () => {
    issuer = createServer((_, response) =>
      response.end(JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] })),
    );
    issuer.listen(0, '127.0.0.1');
    await once(issuer, 'listening');
    const url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/`;
    expect(PAGE).toContain(ISSUER_URL);
    const files = Object.entries(shownFiles()).map(([name, text]) => [name, text.replace(ISSUER_URL, url)]);
    stack = await TestStack.start(Object.fromEntries(files), { env: { REPORTS_CI_KEY: 'key-of-the-ci-machine' } });
  }, 60_000);
  afterAll(async () => {
    await stack?.stop();
    issuer?.close();
    issuer?.closeAllConnections();
  });

  const token = (scope: string) =>
    new SignJWT({ scope })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer('https://id.example.com/')
      .setAudience('orders')
      .setSubject('ada')
      .setExpirationTime('1h')
      .sign(privateKey);

  test('API keys, by environment and by hash', async () => {
    const ask = async (key: string) => {
      const answer = await stack.get('/reports/daily', { headers: { 'x-api-key': key } });
      return [answer.status, answer.json().for];
    };
    expect(await ask('key-of-the-ci-machine')).toEqual([200, 'ci']);
    expect(await ask('key-of-operations')).toEqual([200, 'ops']);
    expect(await ask('another')).toEqual([401, undefined]);
  });

  test('tokens of an issuer, with scopes by method', async () => {
    const ask = (method: string, text: string) =>
      stack.get('/orders/7', { method, headers: { authorization: `Bearer ${text}` } });
    const [reader, writer] = [await token('orders:read'), await token('orders:read orders:write')];
    expect((await ask('GET', reader)).json()).toEqual({ order: '7', customer: 'ada' });
    expect((await ask('POST', writer)).json()).toEqual({ order: '7', changed_by: 'ada' });
    const refused = await ask('POST', reader);
    expect(refused.status).toBe(403);
    expect(refused.headers['www-authenticate']).toContain('error="insufficient_scope", scope="orders:write"');
  });

  test('pages of other origins', async () => {
    const allowed = async (origin: string) =>
      (await stack.get('/shop/cart', { headers: { origin } })).headers['access-control-allow-origin'];
    expect(await allowed('https://app.example.com')).toBe('https://app.example.com');
    expect(await allowed('https://pr-1.preview.example.com')).toBe('https://pr-1.preview.example.com');
    expect(await allowed('https://other.example.com')).toBeUndefined();
  });
});
