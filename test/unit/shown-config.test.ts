import { expect, test } from 'vitest';
import { shownConfig } from '../../src/admin/views/config.ts';

test('P163: a configuration without secrets is shown as it lies on disk', () => {
  const text = '{ "timeout_ms":   100,\n  "auth": { "jwt": { "secret_env": "KEY" } } }';
  expect(shownConfig(text)).toBe(text);
});

test('P163: one that does not parse is not shown: nobody can tell what in it is secret', () => {
  expect(shownConfig('{"auth": {"api_key": {"keys": [{"sha256": "abab')).toBeNull();
});

test.each([
  ['https://ada:pw@example.com/x', 'https://<hidden>@example.com/x'],
  ['https://ada:p@ss@example.com', 'https://<hidden>@example.com'],
  ['https://example.com/@ada', 'https://example.com/@ada'],
])('P163: %s shows no credentials', (url, shown) => {
  expect(JSON.parse(shownConfig(JSON.stringify({ edge: { base_url: url } }))!)).toEqual({ edge: { base_url: shown } });
});
