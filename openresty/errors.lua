-- Answers made by the gateway: problem documents (F2, P95). `error` is stable API; no path, stack or exception text leaves.

local cjson = require "cjson.safe"

local _M = {}

local TITLES = {
    [400] = "Bad Request", [401] = "Unauthorized", [403] = "Forbidden", [404] = "Not Found", [405] = "Method Not Allowed",
    [408] = "Request Timeout", [409] = "Conflict", [413] = "Content Too Large", [414] = "URI Too Long",
    [415] = "Unsupported Media Type", [421] = "Misdirected Request", [429] = "Too Many Requests",
    [431] = "Request Header Fields Too Large", [500] = "Internal Server Error", [501] = "Not Implemented",
    [502] = "Bad Gateway", [503] = "Service Unavailable", [504] = "Gateway Timeout",
    [505] = "HTTP Version Not Supported",
}

-- Texts for what nginx itself refuses.
_M.BY_STATUS = {
    [400] = "bad request", [404] = "not found", [405] = "method not allowed", [408] = "request timeout", [413] = "payload too large",
    [414] = "uri too long", [431] = "request header fields too large", [500] = "internal error", [501] = "not implemented",
    [502] = "bad gateway", [503] = "overloaded", [504] = "runtime timeout", [505] = "http version not supported",
}

-- nginx sends no head to a client of HTTP/0.9. It gets one all the same: what reads the connection today expects a status line.
function _M.begin_head(status, request_id)
    ngx.print("HTTP/1.1 ", status, " ", TITLES[status], "\r\nContent-Type: application/problem+json\r\nX-Request-Id: ", request_id,
        "\r\nConnection: close\r\n\r\n")
end

-- Sends a problem document. `members` may hold detail and stack; `headers` is set before it.
function _M.send(status, short_text, request_id, members, headers)
    local document = {
        '{"type":"about:blank","title":', cjson.encode(TITLES[status] or "Error"), ',"status":', tostring(status),
        ',"error":', cjson.encode(short_text),
    }
    if members and members.detail then
        document[#document + 1] = ',"detail":' .. cjson.encode(members.detail)
    end
    if members and members.stack then
        document[#document + 1] = ',"stack":' .. cjson.encode(members.stack)
    end
    document[#document + 1] = ',"request_id":' .. cjson.encode(request_id) .. "}"
    local body = table.concat(document)
    local header = ngx.header
    ngx.status = status
    header["Content-Type"] = "application/problem+json"
    header["Content-Length"] = #body
    header["X-Request-Id"] = request_id
    header["X-Content-Type-Options"] = "nosniff"
    header["Referrer-Policy"] = "no-referrer"
    header["Cache-Control"] = "no-store"
    for name, value in pairs(headers or {}) do
        header[name] = value
    end
    ngx.print(body)
    return ngx.exit(ngx.HTTP_OK)
end

return _M
