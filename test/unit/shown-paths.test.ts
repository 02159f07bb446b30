import { expect, test } from 'vitest';
import { withoutMachinePaths } from '../../src/functions/shown-paths.ts';

test.each([
  ['/srv/app/users/[id].ts:3: broken', 'users/[id].ts:3: broken'],
  ['/usr/bin/python3: No module named pip', '…/python3: No module named pip'],
  ["Cannot find module '/root/.cache/fastfn/node/ab12/x.js'", "Cannot find module '…/x.js'"],
  ['see /home/ada/.npm/_logs/a.log for more', 'see …/a.log for more'],
  ['(/tmp/x/y)', '(…/y)'],
  ['GET /users/home/etc is a route', 'GET /users/home/etc is a route'],
  ['https://example.com/usr/share/x failed', 'https://example.com/usr/share/x failed'],
  ['file not found: lib/usr/x', 'file not found: lib/usr/x'],
])('P163: %s is shown as %s', (text, shown) => {
  expect(withoutMachinePaths(text, '/srv/app')).toBe(shown);
});
