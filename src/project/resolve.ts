import { resolve } from 'node:path';
import type { ConfigFile } from './config-file.ts';
import type { Environment } from './environment.ts';
import type { Parsed } from './kinds.ts';
import { readSecretFile } from './secret-file.ts';
import { type DefaultContext, defaultOf, flagOf, type Setting } from './setting.ts';
import { ALL_SETTINGS, type SettingValues } from './settings.ts';
import type { ProjectConfig, SettingSource } from './types.ts';

const MASK = '<hidden>';

/** Values of flags by setting name: what was typed, or whether a switch is on. */
export type FlagValues = Readonly<Record<string, string | boolean>>;

export interface Resolution {
  readonly values: SettingValues;
  readonly settings: ProjectConfig['settings'];
  readonly problems: readonly string[];
  readonly notes: readonly string[];
}

interface Candidate {
  readonly source: SettingSource;
  /** How a message names the place, like `fastfn.json: port` or `FN_PORT`. */
  readonly place: string;
  readonly parsed: Parsed<unknown>;
}

/** Decides every setting by P32. Every value given anywhere is checked, also where another one wins (P37). */
export async function resolveSettings(
  context: DefaultContext & { readonly cwd: string },
  flags: FlagValues,
  environment: Environment,
  file: ConfigFile,
): Promise<Resolution> {
  const values: Record<string, unknown> = {};
  const settings: Record<string, { value: unknown; source: SettingSource }> = {};
  const problems: string[] = [];
  const notes: string[] = [];
  for (const [name, setting] of Object.entries(ALL_SETTINGS)) {
    const candidates = [
      ...fromFlag(name, setting, flags, context.command),
      ...(await fromEnvironment(setting, environment, context.cwd)),
      ...fromFile(name, setting, file),
    ];
    for (const { place, parsed } of candidates) {
      if ('problem' in parsed) problems.push(`${place}: ${parsed.problem}`);
      else if (parsed.note) notes.push(`${place}: ${parsed.note}`);
    }
    const winner = candidates[0];
    if (winner && setting.later) notes.push(`${winner.place} has no effect in this version`);
    const value =
      winner === undefined ? defaultOf(setting, context) : 'value' in winner.parsed ? winner.parsed.value : null;
    values[name] = value;
    settings[name] = { value: setting.secret && value !== null ? MASK : value, source: winner?.source ?? 'default' };
  }
  return { values: values as SettingValues, settings, problems, notes };
}

function fromFlag(name: string, setting: Setting<unknown>, flags: FlagValues, command: 'dev' | 'run'): Candidate[] {
  const given = flags[name];
  if (given === undefined) return [];
  const place = flagOf(setting, command)?.match(/--[a-z-]+/)?.[0] ?? name;
  return [
    {
      source: 'flag',
      place,
      parsed: typeof given === 'boolean' ? fromSwitch(setting, given) : setting.kind.fromText(given),
    },
  ];
}

/** `--poll` without a value takes the flag's own default, `--no-poll` takes the setting's. */
function fromSwitch(setting: Setting<unknown>, isOn: boolean): Parsed<unknown> {
  if (setting.flagDefault === undefined) return { value: isOn };
  return { value: isOn ? setting.flagDefault : setting.default };
}

async function fromEnvironment(setting: Setting<unknown>, environment: Environment, cwd: string): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const name of setting.env) {
    const variable = environment.get(name);
    if (variable)
      candidates.push({ source: variable.source, place: name, parsed: setting.kind.fromText(variable.value) });
    else if (setting.secret) candidates.push(...(await fromSecretFile(`${name}_FILE`, setting, environment, cwd)));
  }
  return candidates;
}

async function fromSecretFile(
  name: string,
  setting: Setting<unknown>,
  environment: Environment,
  cwd: string,
): Promise<Candidate[]> {
  const variable = environment.get(name);
  if (!variable) return [];
  const parsed = await readSecretFile(resolve(cwd, variable.value)).then(
    (secret): Parsed<unknown> => ('problem' in secret ? secret : setting.kind.fromText(secret.value)),
  );
  return [{ source: variable.source, place: name, parsed }];
}

function fromFile(name: string, setting: Setting<unknown>, file: ConfigFile): Candidate[] {
  if (!file.values.has(name)) return [];
  return [
    { source: 'fastfn.json', place: `${file.name}: ${name}`, parsed: setting.kind.fromJson(file.values.get(name)) },
  ];
}
