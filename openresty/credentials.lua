-- Finds the credentials of a request where a policy says they may be (F135): API key in a header or query argument, token in a
-- header or cookie. What can be read in two ways (a header given twice, two places that disagree) is a conflict, never a choice.

local lua_event = require "openresty.lua_event"

local find, sub, byte, lower, upper, gsub, gmatch, match = string.find, string.sub, string.byte, string.lower, string.upper,
    string.gsub, string.gmatch, string.match
local concat = table.concat

local _M = {}

-- The start of a header line with this name, whatever its case: as a pattern, since a table of all headers would cost more than
-- the rest of the check.
local function line_pattern(name)
    local parts = { "\n" }
    for c in gmatch(name, ".") do
        parts[#parts + 1] = find(c, "%a") and "[" .. upper(c) .. lower(c) .. "]" or "%" .. c
    end
    parts[#parts + 1] = ":"
    return (gsub(concat(parts), "%%(%d)", "%1"))
end

-- The value of the header line whose colon is at `colon`, without blanks around it; and where the line ends.
local function value_at(raw, colon)
    local line_end = find(raw, "\n", colon, true)
    local first, last = colon + 1, line_end - 1
    while last >= first and (byte(raw, last) == 13 or byte(raw, last) == 32 or byte(raw, last) == 9) do
        last = last - 1
    end
    while first <= last and (byte(raw, first) == 32 or byte(raw, first) == 9) do
        first = first + 1
    end
    return sub(raw, first, last), line_end
end

-- The one value of a header; nil without it; nil and true where it is given more than once.
local function single(raw, pattern)
    local _, colon = find(raw, pattern)
    if not colon then
        return nil
    end
    local value, line_end = value_at(raw, colon)
    if find(raw, pattern, line_end) then
        return nil, true
    end
    return value
end

-- The one value of a cookie over all Cookie lines; as `single`, where equal values count as one.
local function cookie(raw, pattern, name)
    local found
    local _, colon = find(raw, pattern)
    while colon do
        local value, line_end = value_at(raw, colon)
        for part in gmatch(value, "[^;]+") do
            local given, content = match(part, "^[ \t]*([^=]-)[ \t]*=[ \t]*(.-)[ \t]*$")
            if given == name then
                if found and found ~= content then
                    return nil, true
                end
                found = content
            end
        end
        _, colon = find(raw, pattern, line_end)
    end
    return found
end

-- The one value of a query argument; nil and true where it is given more than once.
local function argument(uri, name)
    local query_at = find(uri, "?", 1, true)
    if not query_at then
        return nil
    end
    local value = lua_event.parse_query(gsub(sub(uri, query_at + 1), "#.*", ""))[name]
    if type(value) == "table" then
        return nil, true
    end
    return value
end

-- One of two; true second where they disagree or one of them is unclear.
local function agree(a, a_unclear, b, b_unclear)
    if a_unclear or b_unclear or (a and b and a ~= b) then
        return nil, true
    end
    return a or b
end

-- A token in a header's value: after its scheme, or alone where the header is not Authorization. Another scheme's credential is
-- none of ours; our scheme without anything after it is an empty, and so a bad one.
local function after_scheme(value, scheme, may_stand_alone)
    if scheme == "" then
        return value
    end
    local size = #scheme
    if lower(sub(value, 1, size)) == scheme then
        local blank = byte(value, size + 1)
        if not blank then
            return ""
        elseif blank == 32 or blank == 9 then
            return match(value, "^[ \t]*(.*)", size + 1)
        end
    end
    return may_stand_alone and value or nil
end

local function key_finder(policy)
    local pattern, query = line_pattern(policy.header), policy.query
    if not query then
        return function(raw)
            return single(raw, pattern)
        end
    end
    return function(raw, uri)
        local in_header, header_unclear = single(raw, pattern)
        return agree(in_header, header_unclear, argument(uri, query))
    end
end

local function token_finder(policy)
    local pattern, scheme, name = line_pattern(policy.header), policy.scheme, policy.cookie
    local may_stand_alone = policy.header ~= "authorization"
    local cookie_pattern = line_pattern("cookie")
    return function(raw)
        local value, unclear = single(raw, pattern)
        local token = value and after_scheme(value, scheme, may_stand_alone)
        if name then
            return agree(token, unclear, cookie(raw, cookie_pattern, name))
        end
        return token, unclear
    end
end

-- A function that returns the API key and the token of a request (raw header block, target), or true third for a conflict.
function _M.finder(policy)
    local find_key = policy.api_key and key_finder(policy.api_key)
    local find_token = policy.jwt and token_finder(policy.jwt)
    return function(raw, uri)
        local api_key, token, key_unclear, token_unclear
        if find_key then
            api_key, key_unclear = find_key(raw, uri)
        end
        if find_token then
            token, token_unclear = find_token(raw)
        end
        return api_key, token, key_unclear or token_unclear
    end
end

return _M
