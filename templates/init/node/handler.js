// @summary Says hello
exports.handler = (event, params) => ({
  message: `Hello, ${event.query.name ?? 'world'}`,
  query: event.query,
  params,
  version: event.version,
});
