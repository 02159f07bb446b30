const isNumber = require('is-number');

exports.handler = async ({ query }) => {
  const { to, copies = '1' } = query;
  if (!to) return { status: 400, body: { error: 'to is missing' } };
  if (!isNumber(copies)) return { status: 400, body: { error: 'copies must be a number' } };
  console.log(`mail to ${to}, ${copies} time(s)`); // a line in the log, with the id of this request
  return { sent: true, to };
};
