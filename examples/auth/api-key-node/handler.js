// @summary Lets in who knows the key: curl -H 'X-Api-Key: demo-key' …/api-key-node
const { createHash, timingSafeEqual } = require('node:crypto');

exports.handler = async (event) => {
  const expected = event.env.API_KEY;
  if (!expected || !isSame(event.headers['x-api-key'] ?? '', expected)) return answer(401, { error: 'unauthorized' });
  return answer(200, { ok: true });
};

/** In a time that tells nothing about the key, its length included. */
function isSame(given, expected) {
  const [a, b] = [given, expected].map((text) => createHash('sha256').update(text).digest());
  return timingSafeEqual(a, b);
}

const answer = (status, body) => ({
  status,
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(body),
});
