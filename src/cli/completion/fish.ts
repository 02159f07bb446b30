import { type Candidates, COMPLETED, type CompletedFlag, GLOBAL } from './words.ts';

/** A script for fish. */
export function fishScript(): string {
  return `# fish completion for fastfn: fastfn completion fish | source
complete -c fastfn -f
${COMPLETED.map(({ name, summary }) => `complete -c fastfn -n __fish_use_subcommand -a ${name} -d ${quote(summary)}`).join('\n')}
${GLOBAL.map((flag) => flagLine('__fish_use_subcommand', flag)).join('\n')}
${COMPLETED.map(({ name, flags, argument }) => {
  const condition = `'__fish_seen_subcommand_from ${name}'`;
  return [...argumentLine(condition, argument), ...flags.map((flag) => flagLine(condition, flag))].join('\n');
}).join('\n')}
`;
}

function flagLine(condition: string, { letter, name, help, value }: CompletedFlag): string {
  const names = `${letter === null ? '' : `-s ${letter} `}-l ${name}`;
  return `complete -c fastfn -n ${condition} ${names}${value === null ? '' : ` ${valueFlags(value)}`} -d ${quote(help)}`;
}

/** `-x`: a value and nothing else; `-r -F`: a file. */
function valueFlags(candidates: Candidates): string {
  switch (candidates.kind) {
    case 'words':
      return `-x -a ${quote(candidates.words.join(' '))}`;
    case 'files':
      return '-r -F';
    case 'folders':
      return "-x -a '(__fish_complete_directories)'";
    case 'anything':
      return '-x';
  }
}

function argumentLine(condition: string, candidates: Candidates): string[] {
  if (candidates.kind === 'anything' || candidates.kind === 'files') return [];
  const words = candidates.kind === 'words' ? quote(candidates.words.join(' ')) : "'(__fish_complete_directories)'";
  return [`complete -c fastfn -n ${condition} -a ${words}`];
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
