import { expect, test } from 'vitest';
import { cliReference } from '../../scripts/reference/cli.ts';
import { errorsReference } from '../../scripts/reference/errors.ts';
import { manPage } from '../../scripts/reference/man.ts';
import { settingsReference } from '../../scripts/reference/settings.ts';
import { defaultOf } from '../../src/project/setting.ts';
import { ALL_SETTINGS, SETTING_GROUPS } from '../../src/project/settings.ts';

const CONTEXTS = (['dev', 'run'] as const).map((command) => ({ command, isTerminal: false, cpus: 4 }));
const PAGES = [
  ['settings.md', settingsReference],
  ['cli.md', cliReference],
  ['errors.md', errorsReference],
  ['fastfn.1', manPage],
] as const;

test.each(PAGES)('docs/reference/%s is current (vitest run -u writes it)', async (name, render) => {
  await expect(render()).toMatchFileSnapshot(`../../docs/reference/${name}`);
});

test('P32: no two settings share a name, a variable or a flag', () => {
  const names = Object.values(SETTING_GROUPS).flatMap((group) => Object.keys(group));
  const variables = Object.values(ALL_SETTINGS).flatMap(({ env }) => env);
  const flags = Object.values(ALL_SETTINGS).flatMap(({ flag }) => (typeof flag === 'string' ? [flag] : []));
  for (const list of [names, variables, flags]) expect(list).toEqual([...new Set(list)]);
});

test.each(Object.entries(ALL_SETTINGS))(
  'the default of %s is a value that fastfn.json would accept',
  (_name, setting) => {
    for (const context of CONTEXTS) {
      const value = defaultOf(setting, context);
      const isNumberFromText = typeof value === 'number' && setting.kind.label.startsWith('seconds');
      if (value !== null && !isNumberFromText) expect(setting.kind.fromJson(value)).toEqual({ value });
    }
  },
);

test.each(Object.entries(ALL_SETTINGS).filter(([, { secret }]) => secret))(
  'P38: the secret %s has a variable and no key',
  (_name, setting) => {
    expect(setting.inFile).toBe(false);
    expect(setting.env).toHaveLength(1);
  },
);
