// @summary Greets by name: /hello?name=Ada
exports.handler = async (event) => ({ message: `Hello ${event.query.name ?? 'world'}` });
