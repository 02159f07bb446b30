# @summary Wants the scope reports:write: curl -H 'Authorization: Bearer demo-editor' …/reports-python
from fastfn_auth import bearer_token, constant_time_equal, has_scopes, insufficient_scope, unauthorized

NEEDED = ["reports:write"]


def handler(event):
    token = bearer_token(event)
    if token is None:
        return unauthorized("reports")
    claims = claims_of(token, event["env"])
    if claims is None:
        return unauthorized("reports", "invalid_token")
    if not has_scopes(claims, NEEDED):
        return insufficient_scope(NEEDED, "reports")
    return {"subject": claims["sub"]}


def claims_of(token, env):
    """A real service verifies a signed token here; these two stand for what it would say."""
    if constant_time_equal(token, env.get("READER_TOKEN")):
        return {"sub": "reader", "scope": "reports:read"}
    if constant_time_equal(token, env.get("EDITOR_TOKEN")):
        return {"sub": "editor", "scope": "reports:read reports:write"}
    return None
