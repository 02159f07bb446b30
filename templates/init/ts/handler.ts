interface Event {
  readonly query: Readonly<Record<string, string | string[]>>;
  readonly version: string;
}

// @summary Says hello
export const handler = (event: Event, params: Readonly<Record<string, string>>) => ({
  message: `Hello, ${event.query.name ?? 'world'}`,
  query: event.query,
  params,
  version: event.version,
});
