import { type Candidates, COMPLETED, type CompletedFlag, GLOBAL } from './words.ts';

/** A script for zsh, sourced or as a file `_fastfn` of its function path. */
export function zshScript(): string {
  return `#compdef fastfn
# zsh completion for fastfn: source <(fastfn completion zsh)
_fastfn() {
  local command='' word prev=\${words[CURRENT-1]}
  local -a found
  for word in \${words[2,CURRENT-1]}; do
    case $word in
      (${COMPLETED.map(({ name }) => name).join('|')}) command=$word; break ;;
    esac
  done
  if [[ $PREFIX == --*=* ]]; then
    prev=\${PREFIX%%=*}
    compset -P '*='
  fi
  case "$command:$prev" in
${COMPLETED.flatMap(({ name, flags }) => flagCases(`${name}:`, flags)).join('\n')}
${flagCases(':', GLOBAL).join('\n')}
  esac
  if [[ $PREFIX == -* ]]; then
    case $command in
${COMPLETED.map(({ name, flags }) => `      (${name}) found=(${describe(flags)}) ;;`).join('\n')}
      (*) found=(${describe(GLOBAL)}) ;;
    esac
    _describe -o flag found
    return
  fi
  case $command in
${COMPLETED.map(({ name, argument }) => `    (${name}) ${complete(argument)} ;;`).join('\n')}
    (*)
      found=(${COMPLETED.map(({ name, summary }) => entry(name, summary)).join(' ')})
      _describe command found ;;
  esac
}
if [[ $funcstack[1] == _fastfn ]]; then _fastfn "$@"; else compdef _fastfn fastfn; fi
`;
}

function flagCases(prefix: string, flags: readonly CompletedFlag[]): string[] {
  return flags.flatMap(({ letter, name, value }) => {
    if (value === null) return [];
    const patterns = [...(letter === null ? [] : [`${prefix}-${letter}`]), `${prefix}--${name}`];
    return [`    (${patterns.join('|')}) ${complete(value)}; return ;;`];
  });
}

function describe(flags: readonly CompletedFlag[]): string {
  return flags.map(({ name, help }) => entry(`--${name}`, help)).join(' ');
}

/** `name:description`, quoted for the shell; a colon of its own would end the name. */
function entry(name: string, text: string): string {
  return `'${name}:${text.replaceAll("'", "'\\''")}'`;
}

function complete(candidates: Candidates): string {
  switch (candidates.kind) {
    case 'words':
      return `compadd -- ${candidates.words.join(' ')}`;
    case 'files':
      return '_files';
    case 'folders':
      return '_files -/';
    case 'anything':
      return ':';
  }
}
