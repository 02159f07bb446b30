-- @summary Wants the scope reports:write: curl -H 'Authorization: Bearer demo-editor' …/reports-lua
local auth = require("fastfn_auth")

local NEEDED = { "reports:write" }

-- A real service verifies a signed token here; these two stand for what it would say.
local function claims_of(token, env)
    if auth.constant_time_equal(token, env.READER_TOKEN) then
        return { sub = "reader", scope = "reports:read" }
    end
    if auth.constant_time_equal(token, env.EDITOR_TOKEN) then
        return { sub = "editor", scope = "reports:read reports:write" }
    end
end

function handler(event)
    local token = auth.bearer_token(event)
    if not token then
        return auth.unauthorized("reports")
    end
    local claims = claims_of(token, event.env)
    if not claims then
        return auth.unauthorized("reports", "invalid_token")
    end
    if not auth.has_scopes(claims, NEEDED) then
        return auth.insufficient_scope(NEEDED, "reports")
    end
    return { subject = claims.sub }
end
