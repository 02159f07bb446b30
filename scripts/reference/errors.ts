import { type ErrorCode, FastfnError } from '../../src/errors.ts';
import { code, page, table } from './markdown.ts';

const MEANINGS: Readonly<Record<ErrorCode, string>> = {
  USAGE: 'The command line names something that does not exist, or contradicts itself',
  CONFIG_INVALID:
    '`fastfn.json`, a flag or an FN_* variable holds a value that cannot be used; all problems are listed',
  FUNCTION_CONFIG_INVALID: 'A `fn.config.json` cannot be used',
  DIRECTORY_MISSING: 'A folder that was named does not exist or is not a folder',
  NOT_AVAILABLE: 'A command or mode of a later version',
  PREREQUISITE_MISSING: 'nginx with Lua, or a language that functions need, is not installed',
  BINARY_UNUSABLE: 'A program named by FN_*_BIN or `runtime-binaries` does not work',
  DOCKER_UNAVAILABLE: 'No Docker daemon answers that can be used',
  PORT_IN_USE: 'Another program listens on the port, or this machine may not listen there',
  ALREADY_RUNNING: 'A stack already serves this folder on this port',
  NGINX_FAILED: 'nginx refused its configuration or does not stay alive',
  CONTAINER_FAILED: 'The container of the stack does not start, ended by itself, or its daemon went away',
  NOT_READY: 'The stack did not become ready in time; what is missing is listed',
  ROUTE_CONFLICT: 'Two files claim the same route',
  WORKER_FAILED: 'A worker process does not start',
  LOAD_FAILED: 'A handler does not load',
  INSTALL_FAILED: 'Dependencies of a function could not be installed',
  IMAGE_FAILED: 'A Docker image could not be built, or its base image could not be had',
  SECRET_UNREADABLE:
    'An encrypted value of a `fn.env.json` cannot be read: it needs another key, or was changed or moved',
  EDIT_FAILED: 'The editor failed, or the edited file was changed by someone else meanwhile; nothing was written',
  FOLDER_IN_USE: 'A folder that is to be made holds something already, or cannot be made',
  NOT_RUNNING: 'A command that asks a running stack finds none of this folder',
  INVOKE_FAILED: 'An invoked function answered 400 or more, or could not be called',
  TESTS_FAILED: 'A test event was not answered as it expects',
  STACK_UNREACHABLE: 'The running stack does not answer its command line',
  PROTOCOL: 'A worker and the gateway do not understand each other',
  INTERNAL: 'A mistake in FastFN',
  INTERRUPTED: 'A signal ended it',
};

/** docs/reference/errors.md */
export function errorsReference(): string {
  const rows = (Object.keys(MEANINGS) as ErrorCode[]).map((name) => [
    code(name),
    String(new FastfnError(name, '').exitCode),
    MEANINGS[name],
  ]);
  return page(
    'Errors',
    'Every failure of a command is printed as `error: <what>`, followed by `hint: <what to do>` where that is known. Stacks and causes are shown with `--log-level debug`.',
    table(['Code', 'Exit code', 'Meaning'], rows),
  );
}
