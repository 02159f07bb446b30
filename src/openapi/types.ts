/** A JSON Schema of draft 2020-12, as OpenAPI 3.1 uses it. */
export type JsonSchema = Readonly<Record<string, unknown>> | boolean;

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly description?: string;
  readonly required?: boolean;
  readonly schema: JsonSchema;
  readonly example?: unknown;
}

export interface MediaType {
  readonly schema: JsonSchema;
  readonly example?: unknown;
}

export interface RequestBody {
  readonly required?: boolean;
  readonly content: Readonly<Record<string, MediaType>>;
}

export interface Response {
  readonly description: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, MediaType>>;
}

/** One way to satisfy an operation: every scheme named in it, with the scopes that it must carry. */
export type SecurityRequirement = Readonly<Record<string, readonly string[]>>;

export interface SecurityScheme {
  readonly type: 'apiKey' | 'http';
  readonly in?: 'header' | 'query' | 'cookie';
  readonly name?: string;
  readonly scheme?: string;
  readonly bearerFormat?: string;
  readonly description?: string;
}

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: RequestBody;
  readonly responses: Readonly<Record<string, Response>>;
  readonly security?: readonly SecurityRequirement[];
  readonly 'x-fastfn-group'?: string;
}

/** Operations by method, in lower case. */
export type PathItem = Readonly<Record<string, Operation>>;

/** A route that answers but that OpenAPI cannot show beside another one (P235). */
export interface HiddenRoute {
  readonly path: string;
  readonly methods: readonly string[];
  /** Hosts that it is bound to; absent where it answers for all. */
  readonly hosts?: readonly string[];
  /** Function key. */
  readonly function: string;
  /** The path that is shown instead. */
  readonly shown: string;
}

/** What is published at /_fn/openapi.json, its keys sorted (P233). `servers` depends on who asks (P234). */
export interface OpenApiDocument {
  readonly openapi: '3.1.0';
  readonly info: { readonly title: string; readonly version: string };
  readonly servers: readonly { readonly url: string }[];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, PathItem>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly securitySchemes: Readonly<Record<string, SecurityScheme>>;
  };
  readonly security: readonly SecurityRequirement[];
  readonly 'x-fastfn-conflicts'?: readonly HiddenRoute[];
}

/** An endpoint of the admin API, as its own table describes it (P240). */
export interface InternalOperation {
  /** Upper case. */
  readonly method: string;
  /** With `{id}` where a segment varies. */
  readonly path: string;
  readonly summary: string;
  readonly parameters?: readonly Parameter[];
  readonly body?: { readonly schema: JsonSchema; readonly isRequired: boolean };
  /** Answers strangers too, without a token. */
  readonly isOpen?: boolean;
}
