import { describeDefault } from '../../src/cli/help.ts';
import { flagOf, type Setting } from '../../src/project/setting.ts';
import { BINARY_VARIABLES, SETTING_GROUPS } from '../../src/project/settings.ts';
import { code, codes, page, table } from './markdown.ts';

/** docs/reference/settings.md */
export function settingsReference(): string {
  return page(
    'Settings',
    'Generated from the table in `src/project/settings.ts`. For each setting the first of these that says something wins: flag, environment variable, `.env` files (`.env`, in `dev` also `.env.local`, then each `--env-file`), `fastfn.json`, default. `fastfn dev --native --dry-run` shows every value and where it came from.',
    'Keys with a dot are nested: `limits.timeout-ms` is `{"limits": {"timeout-ms": 2500}}`. Booleans are `1 true yes on` and `0 false no off` in variables, and `true` and `false` in `fastfn.json`. Secrets cannot be given in `fastfn.json`; each of their variables has a `*_FILE` variant that names a file.',
    ...Object.entries(SETTING_GROUPS).map(([title, settings]) => group(title, settings)),
    '## Programs',
    `One program per key of \`runtime-binaries\`: ${codes([...BINARY_VARIABLES.keys()])}. A name is looked up in PATH; a value that does not work is an error.`,
  );
}

function group(title: string, settings: Readonly<Record<string, Setting<unknown>>>): string {
  const isLater = Object.values(settings).every((setting) => setting.later);
  const heading = isLater ? `## ${title}\n\nChecked, but without effect in this version.` : `## ${title}`;
  const rows = Object.entries(settings).map(([name, setting]) => row(name, setting));
  return `${heading}\n\n${table(['fastfn.json', 'Variable', 'Flag', 'Value', 'Default', 'Meaning'], rows)}`;
}

function row(name: string, setting: Setting<unknown>): string[] {
  const flags = [...new Set((['dev', 'run'] as const).map((command) => flagOf(setting, command)))];
  return [
    setting.inFile ? code(name) : '–',
    codes(setting.env),
    codes(flags.filter((flag) => flag !== undefined)),
    setting.kind.label,
    setting.secret ? 'none' : describeDefault(setting),
    `${setting.help}${setting.secret ? ' (secret)' : ''}`,
  ];
}
