import { Chalk } from 'chalk';
import type { Paint } from './view.ts';

const chalk = new Chalk({ level: 1 }); // whether to colour at all is decided by P1, not by chalk

const COLOURS = {
  plain: (text: string) => text,
  dim: chalk.dim,
  strong: chalk.bold,
  good: chalk.green,
  warning: chalk.yellow,
  bad: chalk.red,
};

export const paint: Paint = (style, text) => COLOURS[style](text);
