import './parts/token-form.ts';
import { call, Refusal, TOKEN_EVENT } from './api.ts';
import { readTheme, setTheme } from './theme.ts';

setTheme(readTheme());

const form = document.querySelector<HTMLFormElement>('#login')!;
const problem = document.querySelector<HTMLElement>('#problem')!;

/** With a session the same address gives the console. */
async function logIn(): Promise<void> {
  const { username, password } = Object.fromEntries(new FormData(form));
  problem.textContent = '';
  try {
    await call('/_fn/login', { method: 'POST', body: { username, password } });
    location.reload();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    problem.textContent = error.detail ? `${error.error}: ${error.detail}` : error.error;
    form.querySelector<HTMLInputElement>('#password')!.select();
  }
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  void logIn();
});

// A token is shown to each call and replaces the session (P157), but no page can be loaded with it: the console comes here.
window.addEventListener(
  TOKEN_EVENT,
  async () => {
    await import('./app.ts');
    document.querySelector('main')!.replaceWith(document.createElement('fn-console'));
  },
  { once: true },
);
