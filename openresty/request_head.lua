-- The header block of a request as functions may see it: what nginx lets through and RFC 9112 forbids is refused here, and where
-- ngx_lua's copy of the block differs from what nginx parsed, the block is made anew of the parsed headers. So nginx and the four
-- parsers of a head (docs/protocol.md) agree on every request that is served.

local find, sub, lower = string.find, string.sub, string.lower
local re_find = ngx.re.find
local sort, concat = table.sort, table.concat
local pairs, ipairs, type = pairs, ipairs, type

local MAX_CACHED_BLOCKS = 512
local MAX_CACHED_BLOCK_BYTES = 1024

local TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]++"                                  -- RFC 9110 5.6.2
local VALUE = "[^\\r\\n\\x00]*+"
local HOST = "(?:\\[[0-9A-Fa-f:.]*+\\]|[0-9A-Za-z._~!$&'()*+,;=%-]*+)(?::[0-9]{0,5}+)?+"    -- RFC 9110 7.2
local REQUEST_LINE = "\\A" .. TOKEN .. " [^ \\r\\n]++ HTTP/1\\.[01]\\r?+\\n"

-- What nearly every request is: nothing to look at twice. A CRLF after a bare LF need not be the end: ngx_lua cuts its copy at
-- the first of them if it finds no two CRLFs, and it makes one of a blank before a CRLF (see below).
local CLEAN = REQUEST_LINE .. "(?:(?!host:)" .. TOKEN .. ":" .. VALUE .. "\\r?+\\n|host: *+" .. HOST
    .. "\\r?+\\n)*+(?:(?<=\\r\\n)\\r)?+\\n\\z"

-- nginx ends each name and value in place with NUL. ngx_lua puts `:` and line ends back for them, so that a blank after a value
-- becomes an LF and what followed the blank a line of its own, without name.
local ODD = REQUEST_LINE .. "(?:" .. TOKEN .. ":" .. VALUE .. "\\r?+\\n|[ ]*+\\r?+\\n)*+\\z"

local _M = {}

local VERSIONS = { ["HTTP/1.1\r\n"] = true, ["HTTP/1.0\r\n"] = true, ["HTTP/1.1\n"] = true, ["HTTP/1.0\n"] = true }

local clean, cached = {}, 0    -- header lines as they were found clean: clients repeat them, though not their request lines

local function remember(lines)
    if #lines > MAX_CACHED_BLOCK_BYTES then
        return
    end
    if cached >= MAX_CACHED_BLOCKS then
        clean, cached = {}, 0
    end
    clean[lines] = true
    cached = cached + 1
end

-- Whether the request line, which ends at `newline`, is three words with one blank between them, and of our versions.
local function is_plain(raw, newline)
    local first = find(raw, " ", 1, true)
    local second = first and find(raw, " ", first + 1, true)
    return second and second > first + 1 and VERSIONS[sub(raw, second + 1, newline)]
end

-- Adds a line for each value nginx has of a header; false if the name or value may not be.
local function add_lines(lines, name, value)
    if not re_find(name, "\\A" .. TOKEN .. "\\z", "jo") then
        return false
    end
    for _, single in ipairs(type(value) == "table" and value or { value }) do
        if lower(name) == "host" and not re_find(single, "\\A" .. HOST .. "\\z", "jo") then
            return false
        end
        lines[#lines + 1] = name .. ": " .. single .. "\r\n"
    end
    return true
end

-- The block with the headers that nginx parsed, or nil.
local function rebuild(raw)
    local headers = ngx.req.get_headers(0, true)
    local names = {}
    for name in pairs(headers) do
        names[#names + 1] = name
    end
    sort(names)
    local lines = { (sub(raw, 1, (find(raw, "\n", 1, true)))) }
    for _, name in ipairs(names) do
        if not add_lines(lines, name, headers[name]) then
            return nil
        end
    end
    lines[#lines + 1] = "\r\n"
    return concat(lines)
end

-- The status to refuse a malformed block with. Another minor version than ours, or none, which is HTTP/0.9, is 505 (F2).
local function refusal(raw)
    local line = sub(raw, 1, (find(raw, "\n", 1, true)))
    if not find(line, " HTTP/", 1, true) or find(line, "^%S+ %S+ HTTP/1%.[2-9]\r?\n") then
        return 505
    end
    return 400
end

-- The header block of the current request; refuses the request if it is malformed. `raw` is nginx's copy of it.
function _M.checked(raw)
    local newline = find(raw, "\n", 1, true)
    local lines = sub(raw, newline + 1)
    if clean[lines] and is_plain(raw, newline) then
        return raw
    end
    if re_find(raw, CLEAN, "ijo") then
        remember(lines)
        return raw
    end
    local block = re_find(raw, ODD, "jo") and rebuild(raw)
    return block or ngx.exit(refusal(raw))    -- through error_page, as nginx's own refusals; a 400 closes the connection
end

return _M
