import type { AdminConfig } from '../project/types.ts';
import type { GuardFlags } from './guard.ts';

/** The flags that `/_fn/ui-state` may set until the next start (P215). */
export interface SettableFlags {
  readonly ui_enabled: boolean;
  readonly api_enabled: boolean;
  readonly write_enabled: boolean;
  readonly local_only: boolean;
  readonly login_enabled: boolean;
  readonly login_api_enabled: boolean;
}

/** The configured flags and what was changed since the start. */
export class UiState {
  readonly #config: AdminConfig;
  #changes: Partial<SettableFlags> = {};

  constructor(config: AdminConfig) {
    this.#config = config;
  }

  get flags(): GuardFlags {
    const settable = this.settable;
    return {
      api: settable.api_enabled,
      docs: this.#config.docs,
      ui: settable.ui_enabled,
      write: settable.write_enabled,
      localOnly: settable.local_only,
      hasToken: this.#config.token !== null,
      loginApi: settable.login_enabled && settable.login_api_enabled,
    };
  }

  /** As they are now. */
  get settable(): SettableFlags {
    return { ...this.configured, ...this.#changes };
  }

  /** As they were at the start. */
  get configured(): SettableFlags {
    const { ui, api, write, localOnly, login } = this.#config;
    return {
      ui_enabled: ui,
      api_enabled: api,
      write_enabled: write,
      local_only: localOnly,
      login_enabled: login.enabled,
      login_api_enabled: login.api,
    };
  }

  change(changes: Partial<SettableFlags>): void {
    this.#changes = { ...this.#changes, ...changes };
  }

  reset(): void {
    this.#changes = {};
  }
}
