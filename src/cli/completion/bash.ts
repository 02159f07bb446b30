import { type Candidates, COMPLETED, type CompletedFlag, GLOBAL } from './words.ts';

/** A script for bash: functions of its own only, so that pressing Tab starts no program. */
export function bashScript(): string {
  return `# bash completion for fastfn: eval "$(fastfn completion bash)"
_fastfn() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command='' flags='' index
  # bash takes --flag=value for three words.
  if [[ $cur == = ]]; then cur=''; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi
  for ((index = 1; index < COMP_CWORD; index++)); do
    case \${COMP_WORDS[index]} in
      ${COMPLETED.map(({ name }) => name).join('|')}) command=\${COMP_WORDS[index]}; break ;;
    esac
  done
  COMPREPLY=()
  case "$command:$prev" in
${COMPLETED.flatMap(({ name, flags }) => flagCases(`${name}:`, flags)).join('\n')}
${flagCases(':', GLOBAL).join('\n')}
  esac
  case $command in
${COMPLETED.map(({ name, flags, argument }) => `    ${name}) flags='${namesOf(flags)}'; [[ $cur == -* ]] || ${complete(argument)} ;;`).join('\n')}
    *) flags='${namesOf(GLOBAL)}'; [[ $cur == -* ]] || COMPREPLY=($(compgen -W '${COMPLETED.map(({ name }) => name).join(' ')}' -- "$cur")) ;;
  esac
  if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$cur")); fi
}
complete -F _fastfn fastfn
`;
}

/** After a flag that takes a value: what it may be, and nothing else. */
function flagCases(prefix: string, flags: readonly CompletedFlag[]): string[] {
  return flags.flatMap(({ letter, name, value }) => {
    if (value === null) return [];
    const patterns = [...(letter === null ? [] : [`'${prefix}-${letter}'`]), `'${prefix}--${name}'`];
    return [`    ${patterns.join('|')}) ${complete(value)}; return ;;`];
  });
}

function namesOf(flags: readonly CompletedFlag[]): string {
  return flags.map(({ name }) => `--${name}`).join(' ');
}

function complete(candidates: Candidates): string {
  switch (candidates.kind) {
    case 'words':
      return `COMPREPLY=($(compgen -W '${candidates.words.join(' ')}' -- "$cur"))`;
    case 'files':
      return 'COMPREPLY=($(compgen -f -- "$cur"))';
    case 'folders':
      return 'COMPREPLY=($(compgen -d -- "$cur"))';
    case 'anything':
      return ':';
  }
}
