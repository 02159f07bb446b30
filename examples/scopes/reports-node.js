// @summary Wants the scope reports:write: curl -H 'Authorization: Bearer demo-editor' …/reports-node
const { bearer_token, constant_time_equal, has_scopes, insufficient_scope, unauthorized } = require('fastfn-auth');

const NEEDED = ['reports:write'];

exports.handler = (event) => {
  const token = bearer_token(event);
  if (token === null) return unauthorized('reports');
  const claims = claimsOf(token, event.env);
  if (claims === null) return unauthorized('reports', 'invalid_token');
  if (!has_scopes(claims, NEEDED)) return insufficient_scope(NEEDED, 'reports');
  return { subject: claims.sub };
};

/** A real service verifies a signed token here; these two stand for what it would say. */
function claimsOf(token, env) {
  if (constant_time_equal(token, env.READER_TOKEN)) return { sub: 'reader', scope: 'reports:read' };
  if (constant_time_equal(token, env.EDITOR_TOKEN)) return { sub: 'editor', scope: 'reports:read reports:write' };
  return null;
}
