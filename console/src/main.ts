import { readTheme, setTheme } from './theme.ts';
import './app.ts';

setTheme(readTheme());
