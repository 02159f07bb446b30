// The members of the admin API's answers that the console reads (section 5.3 of the platform's rules).

/** A function or one of its versions; an empty version is the default one (P162). */
export interface Target {
  readonly runtime: string;
  readonly name: string;
  readonly version: string;
}

/** P207. */
export interface Health {
  readonly status: string;
  readonly version?: string;
  readonly mode?: string;
  readonly uptime_s?: number;
  readonly config_loaded_at?: number;
  readonly routing?: { readonly mapped_routes: number; readonly table_version: number };
  readonly functions?: { readonly states: readonly FunctionState[] };
}

export interface FunctionState {
  readonly runtime: string;
  readonly name: string;
  readonly version: string | null;
  readonly key: string;
  readonly state: string;
  readonly installing: boolean;
}

/** P208. */
export interface Catalog {
  readonly functions_root: string;
  readonly mapped_routes: Readonly<Record<string, readonly RouteTarget[]>>;
  readonly mapped_route_conflicts: Readonly<Record<string, unknown>>;
  readonly runtimes: Readonly<Record<string, { readonly functions: readonly CatalogEntry[] }>>;
}

export interface RouteTarget {
  readonly runtime: string;
  readonly fn_name: string;
  readonly version: string | null;
  readonly methods: readonly string[];
  readonly allow_hosts?: readonly string[];
  /** 1 file, 2 manifest, 3 config. */
  readonly source_rank: number;
}

export interface CatalogEntry {
  readonly name: string;
  readonly has_default: boolean;
  readonly versions: readonly string[];
}

/** P174. */
export interface PlatformProblem {
  readonly severity: 'warning' | 'error';
  readonly kind: string;
  /** Function key. */
  readonly function?: string | null;
  readonly file?: string | null;
  readonly line?: number | null;
  readonly message: string;
  readonly hint?: string | null;
  /** Epoch seconds. */
  readonly since?: number;
}

/** P209. */
export interface FunctionDetail {
  readonly runtime: string;
  readonly name: string;
  readonly version: string | null;
  readonly file_path: string;
  readonly policy: Readonly<Record<string, unknown>>;
  readonly metadata: {
    readonly dependency_resolution?: DependencyState | null;
    readonly endpoints?: { readonly preferred_public_url?: string | null };
    readonly invoke?: {
      readonly summary?: string | null;
      readonly default_method?: string | null;
      readonly query_example?: Readonly<Record<string, unknown>> | null;
      readonly body_example?: unknown;
      readonly content_type?: string | null;
    };
  };
}

export interface DependencyState {
  readonly mode: 'manifest' | 'inferred' | 'none';
  readonly manifest_path?: string | null;
  readonly lockfile_path?: string | null;
  readonly resolved_packages?: readonly unknown[];
  readonly unresolved_imports?: readonly string[];
  readonly last_install_status?: 'ok' | 'error' | 'skipped' | 'installing' | null;
  readonly last_error?: string | null;
  readonly log_tail?: string | readonly string[] | null;
  /** Epoch seconds. */
  readonly updated_at?: number | null;
}

/** P181. */
export interface FunctionEnvAnswer {
  readonly fn_env: Readonly<Record<string, EnvEntry>>;
  readonly file_path: string;
  readonly etag: string;
  /** Of a PUT: how far the change got (P164). */
  readonly load?: { readonly status: 'ok' | 'error' | 'installing'; readonly error?: string };
}

export interface EnvEntry {
  readonly value?: unknown;
  readonly is_secret: boolean;
  readonly from_env?: string;
}

/** P214. */
export interface InvokeAnswer {
  readonly status: number;
  readonly latency_ms: number;
  readonly route: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: unknown;
  readonly is_base64?: boolean;
  readonly body_base64?: string;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly request_id: string;
}

/** P215. */
export interface UiState {
  readonly ui_enabled: boolean;
  readonly api_enabled: boolean;
  readonly admin_api_enabled: boolean;
  readonly write_enabled: boolean;
  readonly local_only: boolean;
  readonly login_enabled: boolean;
  readonly login_api_enabled: boolean;
  readonly current_user: string | null;
}
