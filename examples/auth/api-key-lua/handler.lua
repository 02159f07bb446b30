local cjson = require("cjson.safe")

-- @summary Lets in who knows the key: curl -H 'X-Api-Key: demo-key' …/api-key-lua

local function answer(status, body)
    return { status = status, headers = { ["Content-Type"] = "application/json" }, body = cjson.encode(body) }
end

function handler(event)
    local expected = event.env.API_KEY
    if not expected or event.headers["x-api-key"] ~= expected then
        return answer(401, { error = "unauthorized" })
    end
    return answer(200, { ok = true })
end
