export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const KEY = 'fastfn:theme';

/** The chosen theme; `auto` follows the system. */
export function readTheme(): Theme {
  try {
    const stored = localStorage.getItem(KEY) as Theme;
    return THEMES.includes(stored) ? stored : 'auto';
  } catch {
    return 'auto'; // storage is switched off
  }
}

/** Shows a theme and remembers it. */
export function setTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Storage is switched off: it holds for this page.
  }
}
