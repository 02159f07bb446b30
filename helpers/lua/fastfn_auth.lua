-- What handlers that check credentials themselves have in common. The same functions, by the same names, exist in every
-- language (docs/helpers.md); test/vectors/auth-helpers.json holds them to one meaning. Runs in a function's sandbox.

local byte, find, gmatch, gsub, lower, match, sub = string.byte, string.find, string.gmatch, string.gsub, string.lower,
    string.match, string.sub
local bor, bxor = bit.bor, bit.bxor
local concat, error, ipairs, pairs, type = table.concat, error, ipairs, pairs, type

local SCOPE_CLAIMS = { "scope", "scp", "scopes", "permissions" }

local _M = {}

-- Whether two secrets are the same, in a time that tells nothing of the second. Never for an empty or absent one.
function _M.constant_time_equal(a, b)
    if type(a) ~= "string" or type(b) ~= "string" or a == "" or b == "" then
        return false
    end
    local length = #b
    local difference = bxor(#a, length)
    for i = 1, #a do
        difference = bor(difference, bxor(byte(a, i), byte(b, (i - 1) % length + 1)))
    end
    return difference == 0
end

-- The token of `Authorization: Bearer …`, else nil.
function _M.bearer_token(event)
    local header = event.headers and event.headers.authorization
    if type(header) ~= "string" or lower(sub(header, 1, 7)) ~= "bearer " then
        return nil
    end
    return match(sub(header, 8), "^ *([\33-\126]+)[ \t]*$")
end

local function trim(text)
    return match(text, "^[ \t]*(.-)[ \t]*$")
end

-- Like the platform itself: no decoding, the last of equal names wins.
local function parse_cookies(header)
    local found = {}
    for pair in gmatch(header, "[^;]+") do
        local at = find(pair, "=", 1, true)
        if at then
            found[trim(sub(pair, 1, at - 1))] = trim(sub(pair, at + 1))
        end
    end
    return found
end

-- All cookies by name.
function _M.cookies(event)
    return event.cookies or parse_cookies(event.headers and event.headers.cookie or "")
end

-- The value of one cookie, else nil.
function _M.cookie(event, name)
    return _M.cookies(event)[name]
end

local function words(value)
    local found = {}
    if type(value) == "string" then
        for word in gmatch(value, "[^ \t\r\n,]+") do
            found[#found + 1] = word
        end
    elseif type(value) == "table" then
        for _, entry in ipairs(value) do
            if type(entry) == "string" and entry ~= "" then
                found[#found + 1] = entry
            end
        end
    end
    return found
end

-- A mistake in a handler's own list must not open it.
local function required(value, name)
    if value == nil then
        return {}
    end
    local is_list = type(value) == "string"
    if type(value) == "table" then
        local members = 0
        for _ in pairs(value) do
            members = members + 1
        end
        is_list = members == #value
        for _, entry in ipairs(value) do
            is_list = is_list and type(entry) == "string"
        end
    end
    if not is_list then
        error(name .. " must be a list of scopes, or a string of them", 3)
    end
    return words(value)
end

-- What a token's claims allow: `scope`, `scp`, `scopes` and `permissions` together, each once, in their order.
function _M.scopes(claims)
    local found, known = {}, {}
    if type(claims) ~= "table" then
        return found
    end
    for _, name in ipairs(SCOPE_CLAIMS) do
        for _, word in ipairs(words(claims[name])) do
            if not known[word] then
                known[word] = true
                found[#found + 1] = word
            end
        end
    end
    return found
end

-- Whether the claims hold every scope of `all` and, where `any` names some, one of them.
function _M.has_scopes(claims, all, any)
    local needed, options = required(all, "all"), required(any, "any")
    local held = {}
    for _, scope in ipairs(_M.scopes(claims)) do
        held[scope] = true
    end
    for _, scope in ipairs(needed) do
        if not held[scope] then
            return false
        end
    end
    for _, scope in ipairs(options) do
        if held[scope] then
            return true
        end
    end
    return #options == 0
end

local function quoted(text)
    return '"' .. gsub(gsub(text, "[^\32-\126]", ""), '["\\]', "\\%0") .. '"'
end

local function refusal(status, name, challenge)
    return {
        status = status,
        headers = { ["Content-Type"] = "application/json", ["WWW-Authenticate"] = "Bearer " .. concat(challenge, ", ") },
        body = '{"error":"' .. name .. '"}',
    }
end

-- A 401 that says how to authenticate; `reason` is "invalid_token" for a token that was sent and is not good.
function _M.unauthorized(realm, reason)
    local challenge = { "realm=" .. quoted(realm or "fastfn") }
    if reason then
        challenge[2] = "error=" .. quoted(reason)
    end
    return refusal(401, "unauthorized", challenge)
end

-- A 403 that names the scopes that are missing.
function _M.insufficient_scope(needed, realm)
    if needed == nil then
        error("needed must be a list of scopes, or a string of them", 2)
    end
    local scope = gsub(concat(required(needed, "needed"), " "), "[^\32\33\35-\91%]\94-\126]", "") -- RFC 6749, section 3.3
    return refusal(403, "insufficient_scope",
        { "realm=" .. quoted(realm or "fastfn"), 'error="insufficient_scope"', "scope=" .. quoted(scope) })
end

return _M
