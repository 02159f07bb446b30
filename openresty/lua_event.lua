-- The event of a Lua function (F74): a plain table. Values that are not UTF-8 become Latin-1 code points, as everywhere.

local cjson = require "cjson.safe"

local byte, find, sub, lower, gsub, char, format = string.byte, string.find, string.sub, string.lower, string.gsub, string.char,
    string.format
local concat = table.concat
local tonumber, tostring, type, next, floor, loadstring, ipairs = tonumber, tostring, type, next, math.floor, loadstring, ipairs

local NOT_FORWARDED = { ["x-fn-admin-token"] = true, connection = true, ["keep-alive"] = true, te = true, trailer = true,
    ["transfer-encoding"] = true, upgrade = true, ["proxy-authorization"] = true, ["proxy-connection"] = true }

local _M = {}

-- Loops over bytes instead of string.find with a class: the compiler takes the one and not the other.
local function is_ascii(text)
    for i = 1, #text do
        if byte(text, i) >= 128 then
            return false
        end
    end
    return true
end

-- Whether `text` is valid UTF-8 (no overlong forms, no surrogates, at most U+10FFFF).
local function is_utf8(text)
    if is_ascii(text) then
        return true
    end
    local i, size = 1, #text
    while i <= size do
        local c = byte(text, i)
        local extra, low, high
        if c < 0x80 then extra = 0
        elseif c >= 0xC2 and c <= 0xDF then extra = 1
        elseif c == 0xE0 then extra, low = 2, 0xA0
        elseif c == 0xED then extra, high = 2, 0x9F
        elseif c >= 0xE1 and c <= 0xEF then extra = 2
        elseif c == 0xF0 then extra, low = 3, 0x90
        elseif c == 0xF4 then extra, high = 3, 0x8F
        elseif c >= 0xF1 and c <= 0xF3 then extra = 3
        else return false end
        for k = 1, extra do
            local d = byte(text, i + k)
            local from, to = k == 1 and low or 0x80, k == 1 and high or 0xBF
            if not d or d < from or d > to then
                return false
            end
        end
        i = i + 1 + extra
    end
    return true
end
_M.is_utf8 = is_utf8

local function latin1(c)
    local code = byte(c)
    return char(0xC0 + floor(code / 64), 0x80 + code % 64)
end

local function text(bytes)
    if is_utf8(bytes) then
        return bytes
    end
    return (gsub(bytes, "[\128-\255]", latin1))
end
_M.text = text

local function decode_hex(hex)
    return char(tonumber(hex, 16))
end

local function decode_argument(value)
    if find(value, "+", 1, true) then
        value = gsub(value, "+", " ")
    end
    if find(value, "%", 1, true) then
        value = gsub(value, "%%(%x%x)", decode_hex)
    end
    return text(value)
end

-- F77: one occurrence is a string, repeats an array in order.
function _M.parse_query(query)
    local result = {}
    local from, size = 1, #query
    while from <= size do
        local ampersand = find(query, "&", from, true) or size + 1
        if ampersand > from then
            local pair = sub(query, from, ampersand - 1)
            local equals = find(pair, "=", 1, true)
            local name = decode_argument(equals and sub(pair, 1, equals - 1) or pair)
            local value = equals and decode_argument(sub(pair, equals + 1)) or ""
            local former = result[name]
            if former == nil then
                result[name] = value
            elseif type(former) == "table" then
                former[#former + 1] = value
            else
                result[name] = { former, value }
            end
        end
        from = ampersand + 1
    end
    return result
end

local function is_blank(code)
    return code == 32 or code == 9
end

-- The bytes from `first` to `last` without surrounding blanks. By hand: a pattern would look at a run of blanks again from each of them.
local function trimmed(bytes, first, last)
    while first <= last and is_blank(byte(bytes, first)) do
        first = first + 1
    end
    while last >= first and is_blank(byte(bytes, last)) do
        last = last - 1
    end
    return sub(bytes, first, last)
end

local function drop_named(headers, list)
    for name in string.gmatch(list, "[^,]+") do
        headers[lower(trimmed(name, 1, #name))] = nil
    end
end

-- Header lines of a raw block (F79, F80).
function _M.parse_headers(raw)
    local headers = {}
    local connection
    local from = (find(raw, "\n", 1, true) or #raw) + 1
    while true do
        local newline = find(raw, "\n", from, true)
        if not newline then
            break
        end
        local last = newline - 1
        if byte(raw, last) == 13 then
            last = last - 1
        end
        if last < from then
            break
        end
        local colon = find(raw, ":", from, true)
        if colon and colon <= last then
            local name = lower(sub(raw, from, colon - 1))
            local value = text(trimmed(raw, colon + 1, last))
            if name == "connection" then
                connection = connection and connection .. "," .. value or value
            elseif not NOT_FORWARDED[name] then
                local former = headers[name]
                if former then
                    value = former .. (name == "cookie" and "; " or ", ") .. value
                end
                headers[name] = value
            end
        end
        from = newline + 1
    end
    if connection then
        drop_named(headers, connection)
    end
    return headers
end

-- F81: split at `;`, trimmed, first `=` separates, the last of equal names wins.
function _M.parse_cookies(header)
    local cookies = {}
    for part in string.gmatch(header, "[^;]+") do
        local equals = find(part, "=", 1, true)
        if equals then
            cookies[trimmed(part, 1, equals - 1)] = trimmed(part, equals + 1, #part)
        end
    end
    return cookies
end

local function copy(source)
    local target = {}
    for key, value in next, source do
        target[key] = value
    end
    return target
end

local function literal(value)
    if type(value) ~= "table" then
        return type(value) == "string" and format("%q", value) or tostring(value)
    end
    local parts = {}
    for key, member in next, value do
        parts[#parts + 1] = format("[%q]=%s", key, literal(member))
    end
    return "{" .. concat(parts, ",") .. "}"
end

-- A function that returns a fresh copy of a table of strings, numbers, booleans and such tables. As a constructor it costs a
-- fraction of walking the table.
local function constructor(template)
    return loadstring("return function() return " .. literal(template) .. " end")()
end

-- What all events of a function share, made once per record.
function _M.template(record)
    return { context = constructor(record.context), env = constructor(record.env), version = record.version }
end

-- A decoded JSON value in which null is absence.
local function without_nulls(value)
    if type(value) == "table" then
        for name, member in next, value do
            if member == cjson.null then
                value[name] = nil
            else
                without_nulls(member)
            end
        end
    end
    return value
end

-- Builds the event of one request from its function's template; `deadline_ms` is an epoch time.
function _M.build(template, match, method, uri, id, ms, raw, body, client_ip, pid, deadline_ms, extra)
    local query_at = find(uri, "?", 1, true)
    local fragment = find(uri, "#", 1, true)
    local raw_path = fragment and sub(uri, 1, fragment - 1) or uri
    local query_string = query_at and sub(raw_path, query_at + 1) or ""
    local headers = _M.parse_headers(raw)
    local params = {}
    for _, param in ipairs(match.params) do
        params[param[1]] = text(param[2])
    end
    local cookie = headers.cookie
    local cookies = cookie and _M.parse_cookies(cookie) or {}
    local session
    if cookie then
        session = { id = cookies.session_id or cookies.sessionid or cookies.sid, raw = cookie, cookies = copy(cookies) }
    end
    local context = template.context()
    context.request_id, context.deadline_ms, context.gateway = id, deadline_ms, { worker_pid = pid }
    local event = {
        id = id, ts = tonumber(ms), method = method, path = text(match.path), raw_path = text(raw_path),
        query_string = text(query_string), query = query_string ~= "" and _M.parse_query(query_string) or {},
        params = params, path_params = params, headers = headers, is_base64 = false, cookies = cookies, session = session,
        client = { ip = client_ip, ua = headers["user-agent"] }, version = template.version, env = template.env(),
        context = context,
    }
    if extra then
        local given = without_nulls(cjson.decode(extra))
        event.auth, context.user, context.trigger = given.auth, given.user, given.trigger
    end
    if body and body ~= "" then
        event.raw_body = body
        if is_utf8(body) then
            event.body = body
        else
            event.body = ngx.encode_base64(body)
            event.body_base64, event.is_base64 = event.body, true
        end
    end
    return event
end

return _M
