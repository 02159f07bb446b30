import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ContainerInput, containerSpec } from '../../src/docker/container.ts';
import { coveredPath } from '../../src/docker/paths.ts';
import { loadProject } from '../../src/project/load.ts';
import { ALL_SETTINGS } from '../../src/project/settings.ts';
import { temporaryFolder } from './config-support.ts';

async function spec(given: Partial<ContainerInput> & { env?: Record<string, string>; command?: 'dev' | 'run' } = {}) {
  const cwd = temporaryFolder();
  const { env = {}, command = 'dev', ...input } = given;
  const config = await loadProject({ command, flags: {}, env, cwd });
  const made = containerSpec({
    config,
    image: 'fastfn-stack:0123456789ab',
    user: '1000:1001',
    owner: '42 99 pid:[1]',
    run: 'abcdef',
    port: 8080,
    envFiles: [],
    ...input,
  });
  return { config, made, host: made.HostConfig! };
}

describe('the container of Docker mode', () => {
  test('P61: it carries the name and the labels that a later start finds it by', async () => {
    const { config, made } = await spec();
    expect(made.name).toBe(`fastfn-${config.projectId}`);
    expect(made.Labels).toMatchObject({
      'dev.fastfn.project': config.projectId,
      'dev.fastfn.owner': '42 99 pid:[1]',
      'dev.fastfn.run': 'abcdef',
    });
    expect(made.HostConfig!.NetworkMode).toBe(made.name);
  });

  test('P61: it can do no more than it needs', async () => {
    const { host } = await spec();
    expect(host).toMatchObject({
      AutoRemove: true,
      Init: true,
      CapDrop: ['ALL'],
      CapAdd: [],
      SecurityOpt: ['no-new-privileges:true'],
      ReadonlyRootfs: true,
      PidsLimit: 4096,
      Ulimits: [{ Name: 'nofile', Soft: 65_536, Hard: 65_536 }],
      ExtraHosts: ['host.docker.internal:host-gateway'],
    });
    expect(host.RestartPolicy).toBeUndefined();
    expect(host.Privileged).toBeUndefined();
  });

  test('P61: as root it keeps what serving as another user takes', async () => {
    const { host } = await spec({ user: '0:0' });
    expect(host.CapAdd).toEqual(['CHOWN', 'DAC_OVERRIDE', 'KILL', 'SETGID', 'SETUID']);
  });

  test('P64: one port is published, on the address that was chosen', async () => {
    const { host, made } = await spec({ port: 3000, env: { FN_HOST: '192.0.2.1' } });
    expect(host.PortBindings).toEqual({ '8080/tcp': [{ HostIp: '192.0.2.1', HostPort: '3000' }] });
    expect(made.ExposedPorts).toEqual({ '8080/tcp': {} });
  });

  test('P62: dev may write the functions, run may not unless the console may', async () => {
    const isReadOnly = async (command: 'dev' | 'run', env = {}) => {
      const { host, config } = await spec({ command, env });
      return host.Mounts!.find(({ Target }) => Target === config.functionsRoot)!.ReadOnly;
    };
    expect(await isReadOnly('dev')).toBe(false);
    expect(await isReadOnly('run')).toBe(true);
    expect(await isReadOnly('run', { FN_CONSOLE_WRITE_ENABLED: '1' })).toBe(false);
  });

  test('P62: dependencies are kept in a volume, state on the host, and .env files are covered', async () => {
    const { host, config } = await spec({ envFiles: ['/p/.env'] });
    expect(host.Mounts).toMatchObject([
      { Type: 'bind', Source: config.functionsRoot, Target: config.functionsRoot },
      { Type: 'bind', Source: config.stateDir, Target: config.stateDir, ReadOnly: false },
      { Type: 'bind', Source: '/dev/null', Target: '/p/.env', ReadOnly: true },
      { Type: 'volume', Source: 'fastfn-store', Target: '/var/lib/fastfn/store' },
    ]);
  });

  test('P65: no secret of any setting is in what the daemon is told', async () => {
    const key = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ=';
    const secret = Object.values(ALL_SETTINGS).filter(({ secret }) => secret);
    const env = Object.fromEntries(secret.flatMap(({ env }) => env).map((name) => [name, key]));
    const { made } = await spec({ env: { ...env, MY_TOKEN: key } });
    expect(JSON.stringify(made)).not.toContain(key);
  });
});

describe('settings of Docker mode', () => {
  const load = async (docker: object, env: Record<string, string> = {}) => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, 'fastfn.json'), JSON.stringify({ docker }));
    return { cwd, config: await loadProject({ command: 'dev', flags: {}, env, cwd }) };
  };

  test('P37: memory, processors, user and mounts are read in the forms people write them', async () => {
    const { cwd, config } = await load(
      { memory: '512m', cpus: 1.5, mounts: ['data:/data:ro', '/srv/shared:/shared'] },
      { FN_DOCKER_USER: '1000:1001', FN_DOCKER_RUN_AS_ROOT: '1', FN_DOCKER_IMAGE: 'own:1' },
    );
    expect(config.docker).toMatchObject({
      memoryBytes: 536_870_912,
      cpus: 1.5,
      user: '1000:1001',
      runAsRoot: true,
      image: 'own:1',
      mounts: [
        { source: join(cwd, 'data'), target: '/data', isReadOnly: true },
        { source: '/srv/shared', target: '/shared', isReadOnly: false },
      ],
    });
    expect(config.notes).toEqual([]);
  });

  test.each([
    [{ memory: 'lots' }, 'docker.memory: "lots" is not a size like 512m'],
    [{ memory: '1m' }, 'docker.memory: "1m" is less than 6m'],
    [{ cpus: 0 }, 'docker.cpus: "0" is not a number of processors like 1.5'],
    [{ user: 'me' }, 'docker.user: "me" is not of the form uid:gid'],
    [{ mounts: ['data'] }, 'docker.mounts: "data" is not of the form host:container[:ro]'],
  ])('P37: %j is refused', async (docker, problem) => {
    await expect(load(docker)).rejects.toThrow(problem);
  });
});

test.each([
  ['/', '/opt/fastfn'],
  ['/opt', '/opt/fastfn'],
  ['/opt/fastfn/src', '/opt/fastfn'],
  ['/usr', '/usr'],
  ['/proc/1', '/proc'],
  ['/tmp', '/tmp'],
  ['/tmp/project', null],
  ['/home/me/functions', null],
  ['/optional', null],
])('P62: a mount at %s covers %s of ours', (target, own) => {
  expect(coveredPath(target)).toBe(own);
});
