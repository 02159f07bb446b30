// @summary A reminder as it would be sent: /mail?to=ada@example.com&days=3
const isNumber = require('is-number');

exports.handler = async ({ query }) => {
  const { to = 'you@example.com', days = '1' } = query;
  if (!isNumber(days)) return { status: 400, body: { error: 'days must be a number' } };
  return {
    headers: { 'Content-Type': 'message/rfc822' },
    body: `To: ${to.replace(/[\r\n]/g, '')}\r\nSubject: Reminder\r\n\r\nYour order arrives in ${days} days.\r\n`,
  };
};
