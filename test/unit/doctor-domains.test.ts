import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { createSecureContext } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isPrivate } from '../../src/doctor/domains/names.ts';
import type { Network } from '../../src/doctor/domains/network.ts';
import { checkDomains } from '../../src/doctor/domains/run.ts';
import { type DomainTarget, distinctDomains, domains, normaliseDomain } from '../../src/project/domains.ts';
import { Authority, type KeyPair, selfSigned } from '../fixtures/domains/certificates.ts';
import { type DnsServer, startDnsServer } from '../fixtures/domains/dns-server.ts';
import { temporaryFolder } from './config-support.ts';

const HERE = { A: ['127.0.0.1'] };
/** The first address is reached; the second makes the name one that others could reach. */
const PUBLIC = { A: ['127.0.0.1', '203.0.113.7'] };
const ZONE = {
  'shop.test': PUBLIC,
  'www.shop.test': { CNAME: 'shop.test' },
  'apex.test': PUBLIC,
  'six.test': { AAAA: ['2001:db8::1'] },
  'private.test': { A: ['10.1.2.3'], AAAA: ['fd00::1'] },
  'dangling.test': { CNAME: 'gone.test' },
  'silent.test': null,
  'expired.test': HERE,
  'soon.test': HERE,
  'wrong-name.test': HERE,
  'self-signed.test': HERE,
  'stranger.test': HERE,
  'plain.test': HERE,
  'loop.test': HERE,
  'broken.test': HERE,
  'elsewhere.test': HERE,
  'mute.test': HERE,
};

let dns: DnsServer;
let network: Network;
const servers: Server[] = [];
const certificates = new Map<string, KeyPair>();
const requests: { host: string; url: string; agent: string | undefined }[] = [];

beforeAll(async () => {
  const dir = temporaryFolder();
  const trusted = new Authority(dir, 'Test-CA');
  for (const name of ['shop.test', 'www.shop.test', 'plain.test', 'loop.test', 'broken.test', 'elsewhere.test'])
    certificates.set(name, trusted.issue(name, 90));
  certificates.set('mute.test', trusted.issue('mute.test', 90));
  certificates.set('expired.test', trusted.issue('expired.test', -1));
  certificates.set('soon.test', trusted.issue('soon.test', 5));
  certificates.set('wrong-name.test', trusted.issue('other.test', 90));
  certificates.set('self-signed.test', selfSigned(dir, 'self', 'self-signed.test'));
  certificates.set('stranger.test', new Authority(dir, 'Stranger').issue('stranger.test', 90));
  dns = await startDnsServer(ZONE);
  const http = await listen(createHttpServer(answerPlain));
  const https = await listen(
    createHttpsServer(
      {
        ...certificates.get('shop.test')!,
        SNICallback: (name, done) => done(null, createSecureContext(certificates.get(name)!)),
      },
      answerSecure,
    ),
  );
  network = { nameServers: [dns.address], ports: { http, https }, authorities: trusted.pem, timeoutMs: 5000 };
});
afterAll(() => {
  dns.close();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}

const answerPlain: RequestListener = ({ headers, url = '' }, response) => {
  const host = headers.host ?? '';
  requests.push({ host, url, agent: headers['user-agent'] });
  if (host === 'mute.test') return;
  if (host === 'broken.test') response.writeHead(502).end('x'.repeat(100_000));
  else if (url.startsWith('/.well-known/')) response.writeHead(404).end();
  else if (host === 'plain.test') response.writeHead(200).end('no redirect');
  else if (host === 'elsewhere.test') response.writeHead(302, { location: 'https://shop.test/' }).end();
  else response.writeHead(301, { location: `https://${host}${url}` }).end();
};

const answerSecure: RequestListener = ({ headers, url }, response) => {
  if (headers.host === 'broken.test') response.writeHead(503).end();
  else if (headers.host === 'loop.test') response.writeHead(302, { location: url }).end();
  else if (url === '/') response.writeHead(302, { location: '/start' }).end();
  else response.writeHead(200).end('x'.repeat(100_000));
};

function target(domain: string, more: Partial<DomainTarget> = {}): DomainTarget {
  return { domain, expectedTarget: null, enforceHttps: true, ...more };
}

/** The findings on one name, by id. */
async function examine(domain: string, more: Partial<DomainTarget> = {}, changes: Partial<Network> = {}) {
  const results = await checkDomains([target(domain, more)], { ...network, ...changes });
  expect(new Set(results.map((result) => result.domain))).toEqual(new Set([domain]));
  return Object.fromEntries(results.map((result) => [result.id, result]));
}

test('P288-P296: a name that is in order passes every check, in this order', async () => {
  const found = await examine('shop.test', { expectedTarget: '203.0.113.7' });
  expect(Object.entries(found).map(([id, { status }]) => `${status} ${id}`)).toEqual([
    'OK domain.format',
    'OK dns.resolve',
    'OK dns.target',
    'OK tls.handshake',
    'OK tls.expiry',
    'OK https.reachability',
    'OK http.redirect',
    'OK acme.challenge',
  ]);
  expect(found['dns.resolve']?.details).toEqual({ addresses: '127.0.0.1, 203.0.113.7' });
  expect(found['tls.handshake']?.details).toMatchObject({
    not_after: expect.stringMatching(/^\d{4}-.*Z$/),
    issuer: 'Test-CA',
    common_name: 'shop.test',
    dns_names: 'shop.test',
    protocol: 'TLSv1.3',
  });
  expect(found['https.reachability']?.details).toEqual({
    status: '200',
    final_url: 'https://shop.test/start',
    redirects: '1',
  });
});

test('P297: requests say who asks, and nothing else', async () => {
  await examine('shop.test');
  const asked = requests.filter(({ host }) => host === 'shop.test');
  expect(asked.map(({ url }) => url)).toContain('/.well-known/acme-challenge/fastfn-doctor-probe');
  for (const { agent } of asked) expect(agent).toMatch(/^fastfn-doctor\/\d/);
});

test('P288: several names are checked at once and reported in their order', async () => {
  const results = await checkDomains([target('shop.test'), target('bad_name.test'), target('six.test')], network);
  expect([...new Set(results.map(({ domain }) => domain))]).toEqual(['shop.test', 'bad_name.test', 'six.test']);
});

describe('names', () => {
  test.each([
    'localhost',
    '*.example.com',
    'a_b.example.com',
    'https://example.com',
    'example.com:443',
    'example.com/path',
    '192.0.2.1',
    '::1',
    '-a.example.com',
    'a-.example.com',
    'a..example.com',
    `${'a'.repeat(64)}.example.com`,
    `${'a.'.repeat(126)}com`,
    'exa mple.com',
  ])('P289: %s is not a name, and nothing else is tried', async (domain) => {
    const { 'domain.format': format, ...rest } = await examine(domain);
    expect(format).toMatchObject({ status: 'FAIL', hint: expect.stringContaining('api.example.com') });
    expect(Object.keys(rest)).toHaveLength(6);
    for (const { status, details } of Object.values(rest))
      expect({ status, details }).toEqual({ status: 'OK', details: { skipped: 'the name is not valid' } });
    expect(dns.asked).not.toContain(domain);
  });

  test.each([
    ['Example.COM.', 'example.com'],
    ['bücher.example', 'xn--bcher-kva.example'],
    [' shop.test ', 'shop.test'],
  ])('P288: %j is looked up as %s', (given, name) => {
    expect(normaliseDomain(given)).toBe(name);
  });

  test('P288: a name that is given twice is checked once, as first given', () => {
    const targets = [target('b.test', { enforceHttps: false }), target('a.test'), target('b.test')];
    expect(distinctDomains(targets)).toEqual([targets[0], targets[1]]);
  });

  test.each([
    [['A.test', { host: 'b.test', target: '192.0.2.1' }]],
    [[{ domain: 'a.test' }, { name: 'b.test', expected_target: '192.0.2.1' }]],
    [['a.test', { domain: 'b.test', expectedTarget: '192.0.2.1', enforceHttps: true }]],
    [['a.test', { domain: 'b.test', 'expected-target': '192.0.2.1', 'enforce-https': true }]],
  ])('P288: fastfn.json may say %j', (value) => {
    expect(domains.fromJson(value)).toEqual({
      value: [target('a.test'), target('b.test', { expectedTarget: '192.0.2.1' })],
    });
  });

  test.each([
    ['a.test', 'must be an array'],
    [[5], 'is neither a name'],
    [[{}], 'names no domain'],
    [['a.test', ''], 'entry 2'],
    [[{ domain: 'a.test', port: 1 }], 'unknown key "port"'],
    [[{ domain: 'a.test', host: 'b.test' }], 'says again'],
    [[{ domain: 'a.test', 'enforce-https': 'yes' }], 'enforce-https must be true or false'],
    [[{ domain: 'a.test', target: 5 }], 'expected-target must be'],
  ])('P288: fastfn.json may not say %j', (value, problem) => {
    expect(domains.fromJson(value)).toEqual({ problem: expect.stringContaining(problem) });
  });
});

describe('DNS', () => {
  test('P290: private addresses are a warning', async () => {
    const { 'dns.resolve': resolved } = await examine('private.test', {}, { timeoutMs: 300 });
    expect(resolved).toMatchObject({ status: 'WARN', details: { addresses: '10.1.2.3, fd00::1' } });
  });

  test.each([
    ['10.0.0.1', true],
    ['100.64.3.4', true],
    ['169.254.1.1', true],
    ['::1', true],
    ['fe80::1', true],
    ['8.8.8.8', false],
    ['2001:4860:4860::8888', false],
  ])('P290: %s is private: %s', (address, expected) => {
    expect(isPrivate(address)).toBe(expected);
  });

  test.each([
    ['missing.test', 'there are no A, AAAA or CNAME records'],
    ['dangling.test', 'gone.test has no address'],
    ['silent.test', 'DNS does not answer'],
  ])('P297: %s ends every later probe, which are still listed', async (domain, message) => {
    const more = { expectedTarget: '192.0.2.1' };
    const { 'domain.format': _, 'dns.resolve': resolved, ...rest } = await examine(domain, more, { timeoutMs: 300 });
    expect(resolved).toMatchObject({ status: 'FAIL', message: expect.stringContaining(message) });
    expect(Object.values(rest).map(({ id, status, details }) => [id, status, details])).toEqual([
      ['dns.target', 'FAIL', { cause: 'dns' }],
      ['tls.handshake', 'FAIL', { cause: 'dns' }],
      ['tls.expiry', 'FAIL', { cause: 'dns' }],
      ['https.reachability', 'FAIL', { cause: 'dns' }],
      ['http.redirect', 'FAIL', { cause: 'dns' }],
      ['acme.challenge', 'WARN', { cause: 'dns' }],
    ]);
  });

  test.each([
    ['shop.test', '203.0.113.7', 'OK', 'address'],
    ['shop.test', '203.0.113.8', 'FAIL', undefined],
    ['www.shop.test', 'shop.test', 'OK', 'cname'],
    ['shop.test', 'apex.test', 'OK', 'addresses'],
    ['shop.test', 'private.test', 'FAIL', undefined],
    ['shop.test', 'missing.test', 'FAIL', undefined],
    ['six.test', '2001:0db8:0:0::0001', 'OK', 'address'],
  ])('P291: %s with the expected target %s is %s (%s)', async (domain, expectedTarget, status, via) => {
    const { 'dns.target': pointed } = await examine(domain, { expectedTarget }, { timeoutMs: 1000 });
    expect({ status: pointed?.status, via: pointed?.details?.via }).toEqual({ status, via });
    if (status === 'FAIL') expect(pointed?.message).toMatch(new RegExp(`127\\.0\\.0\\.1.*${expectedTarget}`));
  });
});

describe('TLS', () => {
  test.each([
    ['expired.test', 'expired', 'FAIL'],
    ['wrong-name.test', 'name mismatch', 'OK'],
    ['self-signed.test', 'self-signed', 'OK'],
    ['stranger.test', 'unknown CA', 'OK'],
  ])('P292: %s is refused as %s', async (domain, cause, expiry) => {
    const found = await examine(domain);
    expect(found['tls.handshake']).toMatchObject({
      status: 'FAIL',
      message: cause,
      details: { cause, protocol: 'TLSv1.3' },
    });
    expect(found['tls.expiry']?.status).toBe(expiry);
    expect(found['https.reachability']?.status).toBe('FAIL');
  });

  test('P293: a certificate that ends within 14 days is a warning with the days', async () => {
    const { 'tls.handshake': handshake, 'tls.expiry': expiry } = await examine('soon.test');
    expect(handshake?.status).toBe('OK');
    expect(expiry).toMatchObject({ status: 'WARN', message: '4 days left', details: { days: '4' } });
  });

  test('P292, P294: a closed port is named as such', async () => {
    const closed = await listen(createHttpServer());
    servers.pop()?.close();
    const found = await examine('shop.test', {}, { ports: { http: network.ports.http, https: closed } });
    expect(found['tls.handshake']).toMatchObject({ status: 'FAIL', details: { cause: 'refused' } });
    expect(found['tls.expiry']).toMatchObject({ status: 'OK', details: { skipped: 'no certificate was shown' } });
    expect(found['https.reachability']).toMatchObject({ status: 'FAIL', details: { cause: 'refused' } });
    expect(found['http.redirect']?.status).toBe('OK');
  });

  test('P292: a port that takes connections and never answers is a timeout', async () => {
    const silent = createTcpServer();
    const https = await listen(silent as unknown as Server);
    servers.pop();
    const found = await examine('shop.test', {}, { ports: { http: network.ports.http, https }, timeoutMs: 300 });
    silent.close();
    expect(found['tls.handshake']).toMatchObject({ status: 'FAIL', details: { cause: 'timeout' } });
    expect(found['https.reachability']).toMatchObject({ status: 'FAIL', details: { cause: 'timeout' } });
  });

  test('P292: a server that does not speak TLS is told as that', async () => {
    const ports = { http: network.ports.http, https: network.ports.http };
    const { 'tls.handshake': handshake } = await examine('shop.test', {}, { ports });
    expect(handshake).toMatchObject({ status: 'FAIL', message: 'what answers does not speak TLS' });
  });
});

describe('HTTP', () => {
  test('P294: an answer of 500 and more fails', async () => {
    const { 'https.reachability': reached } = await examine('broken.test');
    expect(reached).toMatchObject({ status: 'FAIL', details: { status: '503', final_url: 'https://broken.test/' } });
  });

  test('P294: endless redirects fail after ten', async () => {
    const { 'https.reachability': reached } = await examine('loop.test');
    expect(reached).toMatchObject({ status: 'FAIL', details: { redirects: '10', cause: 'more than 10 redirects' } });
  });

  test.each([
    ['shop.test', true, 'OK', 'https://shop.test/start'],
    ['elsewhere.test', true, 'WARN', 'https://shop.test/start'],
    ['plain.test', true, 'FAIL', 'http://plain.test/'],
    ['plain.test', false, 'OK', 'http://plain.test/'],
  ])('P295: %s with enforce-https %s is %s', async (domain, enforceHttps, status, finalUrl) => {
    const { 'http.redirect': redirect } = await examine(domain, { enforceHttps });
    expect(redirect).toMatchObject({ status, details: { final_url: finalUrl } });
  });

  test('P295, P296: a closed port 80 is a warning', async () => {
    const closed = await listen(createHttpServer());
    servers.pop()?.close();
    const found = await examine('shop.test', {}, { ports: { http: closed, https: network.ports.https } });
    expect(found['http.redirect']).toMatchObject({ status: 'WARN', details: { cause: 'refused' } });
    expect(found['acme.challenge']).toMatchObject({ status: 'WARN', details: { cause: 'refused' } });
  });

  test('P296: a proxy that fails for the challenge path fails; no answer is a warning', async () => {
    expect((await examine('broken.test'))['acme.challenge']).toMatchObject({ status: 'FAIL', message: 'answers 502' });
    const { 'acme.challenge': mute } = await examine('mute.test', {}, { timeoutMs: 300 });
    expect(mute).toMatchObject({ status: 'WARN', details: { cause: 'timeout' } });
  });
});
