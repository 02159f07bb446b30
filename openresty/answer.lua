-- A worker's response head, parsed and checked once per distinct head: handlers answer with the same few heads over and over,
-- so the parsed form is kept by its text. The same form is made for Lua functions.
--
-- An answer: { status, names, values, n, complete, length, bodyless, no_transform, content_type, event_stream,
-- allows_origin, varies, proxy,
-- stdout, stderr }.

local cjson = require "cjson.safe"

local find, lower, sub = string.find, string.lower, string.sub
local floor, type, tostring, concat = math.floor, type, tostring, table.concat

local MAX_CACHED_HEADS = 512
local MAX_CACHED_HEAD_BYTES = 1024

-- F96, and what the gateway writes itself.
local DROPPED = { ["content-length"] = true, ["transfer-encoding"] = true, connection = true, ["keep-alive"] = true,
    upgrade = true, te = true, trailer = true, ["x-request-id"] = true }

local TOKEN = "^[%w!#$%%&'*+.^_`|~-]+$"    -- RFC 9110 5.6.2

local _M = {}
local cache, cached = {}, 0

local function remember(key, answer)
    if #key > MAX_CACHED_HEAD_BYTES then
        return
    end
    if cached >= MAX_CACHED_HEADS then
        cache, cached = {}, 0
    end
    cache[key] = answer
    cached = cached + 1
end

local function add(answer, name, value)
    local folded = lower(name)
    if DROPPED[folded] or sub(folded, 1, 9) == "x-fastfn-" then
        return
    end
    if folded == "content-type" then
        name, answer.content_type = "Content-Type", value
        answer.event_stream = find(lower(value), "text/event-stream", 1, true) == 1
    elseif folded == "cache-control" then
        answer.has_cache_control = true
        answer.no_transform = find(lower(value), "no-transform", 1, true) ~= nil
    elseif folded == "access-control-allow-origin" then
        answer.allows_origin = true
    elseif folded == "vary" then
        answer.varies = true
    end
    local position = answer.positions[folded]
    if not position then
        position = answer.n + 1
        answer.n = position
        answer.positions[folded] = position
        answer.names[position], answer.values[position] = name, value
    elseif type(answer.values[position]) == "table" then
        local values = answer.values[position]
        values[#values + 1] = value
    else
        answer.values[position] = { answer.values[position], value }
    end
end

-- Builds an answer from a status and a flat array of header names and values; returns nil and why when it breaks F105.
function _M.new(status, headers)
    if type(status) ~= "number" or status ~= floor(status) or status < 200 or status > 599 then
        return nil, "status is not an integer from 200 to 599"
    end
    local answer = { status = status, names = {}, values = {}, n = 0, positions = {},
        bodyless = status == 204 or status == 205 or status == 304 }
    for i = 1, #headers, 2 do
        local name, value = headers[i], headers[i + 1]
        if type(name) ~= "string" or not find(name, TOKEN) then
            return nil, "a header name is not a token"
        end
        if type(value) ~= "string" or find(value, "[%z\r\n]") then
            return nil, "the value of header " .. name .. " has a line break or NUL"
        end
        add(answer, name, value)
    end
    answer.positions = nil
    return answer
end

-- `new`, kept by its arguments: functions answer with the same few heads over and over.
function _M.of(status, headers)
    -- With the count in it the key is exact: a name or value that holds the separator makes it longer by one.
    local key = "L" .. tostring(status) .. "\0" .. #headers .. "\0" .. concat(headers, "\0")
    local answer = cache[key]
    if answer then
        return answer
    end
    local why
    answer, why = _M.new(status, headers)
    if answer then
        remember(key, answer)
    end
    return answer, why
end

local function parse(head)
    local decoded = cjson.decode(head)
    if type(decoded) ~= "table" then
        return nil, "response head is not JSON"
    end
    if decoded.proxy ~= nil then
        return { proxy = decoded.proxy, complete = decoded["end"] == true, status = 502, n = 0 }
    end
    if type(decoded.headers) ~= "table" then
        return nil, "response head without headers"
    end
    local answer, why = _M.new(decoded.status, decoded.headers)
    if not answer then
        return nil, why
    end
    local length = decoded.length
    if length ~= nil and (type(length) ~= "number" or length < 0 or length ~= floor(length)) then
        return nil, "response head with a length that is no number of bytes"
    end
    answer.complete = decoded["end"] == true
    answer.length, answer.stdout, answer.stderr = decoded.length, decoded.stdout, decoded.stderr
    return answer
end

-- Parses a RESPONSE frame's head; the result is shared, so nobody changes it.
function _M.parse_head(head)
    local answer = cache[head]
    if answer then
        return answer
    end
    local why
    answer, why = parse(head)
    if not answer then
        return nil, why
    end
    remember(head, answer)
    return answer
end

return _M
