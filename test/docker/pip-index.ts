import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { temporaryFolder } from '../unit/config-support.ts';

const WHEEL = 'six-1.17.0-py3-none-any.whl';
const MAKE_WHEEL = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr("six.py", "__version__ = '1.17.0'\\n")
    info = "six-1.17.0.dist-info/"
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: six\\nVersion: 1.17.0\\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(info + "RECORD", "")
`;

/** A package index that asks for a password, and the variables that lead pip to it. */
export interface PipIndex {
  readonly env: Readonly<Record<string, string>>;
  close(): void;
}

/** Serves one Python package, a stand-in for six 1.17.0, on a loopback address to whoever knows the password. */
export async function startPipIndex(password: string): Promise<PipIndex> {
  const file = join(temporaryFolder(), WHEEL);
  execFileSync('python3', ['-c', MAKE_WHEEL, file]);
  const pages: Record<string, string | Buffer> = {
    '/simple/six/': `<a href="/${WHEEL}">${WHEEL}</a>`,
    [`/${WHEEL}`]: readFileSync(file),
  };
  const expected = `Basic ${Buffer.from(`user:${password}`).toString('base64')}`;
  const server = createServer(({ url, headers }, response) => {
    if (headers.authorization !== expected) response.writeHead(401).end();
    else if (pages[url!] === undefined) response.writeHead(404).end();
    else response.writeHead(200, url!.endsWith('/') ? { 'content-type': 'text/html' } : {}).end(pages[url!]);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://user:${password}@127.0.0.1:${(server.address() as AddressInfo).port}/simple`;
  return { env: { PIP_INDEX_URL: address, PIP_EXTRA_INDEX_URL: address }, close: () => server.close() };
}
