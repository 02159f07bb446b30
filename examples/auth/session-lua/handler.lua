local cjson = require("cjson.safe")

-- @summary Wants a session cookie: curl -b session_id=abc …/session-lua

local function answer(status, body)
    return { status = status, headers = { ["Content-Type"] = "application/json" }, body = cjson.encode(body) }
end

function handler(event)
    local cookies = "; " .. (event.headers.cookie or "")
    if not cookies:find(";%s*session_id=[^;]") then
        return answer(401, { error = "missing session" })
    end
    return answer(200, { ok = true })
end
