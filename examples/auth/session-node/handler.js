// @summary Wants a session cookie: curl -b session_id=abc …/session-node
exports.handler = async (event) => {
  const session = /(?:^|;\s*)session_id=([^;]+)/.exec(event.headers.cookie ?? '');
  if (session === null) return answer(401, { error: 'missing session' });
  return answer(200, { ok: true });
};

const answer = (status, body) => ({
  status,
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(body),
});
