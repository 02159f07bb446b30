import { Agent, request } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { samplesOf } from './exposition.ts';
import { TestStack } from './support.ts';

const FUNCTIONS = 1200;
const pathOf = (index: number) => `f${String(index).padStart(4, '0')}`;

let stack: TestStack;
beforeAll(async () => {
  const names = Array.from({ length: FUNCTIONS }, (_, index) => `${pathOf(index)}.lua`);
  stack = await TestStack.start(Object.fromEntries(names.map((name) => [name, 'return function() return "x" end'])));
}, 60_000);
afterAll(() => stack?.stop());

test('P217: of 1,200 functions that are called, a thousand have a series of their own and no request is lost', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let index = 0; index < FUNCTIONS; index += 1) await call(agent, `/${pathOf(index)}`);
  agent.destroy();
  const samples = await samplesOf(stack);
  const series = [...samples.entries].filter(([key]) => key.startsWith('fastfn_http_requests_total{'));
  expect(series).toHaveLength(1001);
  expect(series.reduce((sum, [, value]) => sum + value, 0)).toBe(FUNCTIONS);
  const other = 'function="_other",runtime="lua",method="GET",code="200"';
  expect(samples.value(`fastfn_http_requests_total{${other}}`)).toBe(200);
  expect(samples.value('fastfn_functions{runtime="lua"}')).toBe(FUNCTIONS);
}, 60_000);

function call(agent: Agent, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = request(new URL(path, stack.url), { agent }, (response) => {
      response.resume().on('end', resolve);
      if (response.statusCode !== 200) reject(new Error(`${path} was answered ${response.statusCode}`));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}
