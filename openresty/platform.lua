-- The platform's own addresses below /_fn and /console: liveness and readiness are answered here, the rest by the supervisor's
-- admin API.

local cjson = require "cjson.safe"
local route_table = require "openresty.route_table"
local link = require "openresty.link"
local errors = require "openresty.errors"

local var, header = ngx.var, ngx.header
local gsub = string.gsub

-- Limits of the locations that collect chunked bodies (P84), ascending; the last is the ceiling.
local CHUNKED_STEPS = { 65536, 1048576, 16777216, 134217728 }

local ALLOW = "GET, HEAD, OPTIONS"

-- What the admin API's parser understands; it would drop the connection for others.
local KNOWN_METHODS = { GET = true, HEAD = true, POST = true, PUT = true, PATCH = true, DELETE = true, OPTIONS = true }

local _M = { draining = false }

local function send_json(status, document, id)
    local body = cjson.encode(document)
    ngx.status = status
    header["Content-Type"], header["Content-Length"] = "application/json", #body
    header["Cache-Control"], header["X-Content-Type-Options"] = "no-store", "nosniff"
    header["Referrer-Policy"], header["X-Request-Id"] = "no-referrer", id
    ngx.print(body)
    return ngx.exit(ngx.HTTP_OK)
end

local function ready(id)
    local nonce = var.http_x_fn_run
    if nonce then
        link.send({ type = "probe", nonce = nonce })
    end
    if route_table.version > 0 and link.connected and not _M.draining then
        return send_json(200, { status = "ready" }, id)
    end
    return send_json(503, { status = _M.draining and "draining" or "starting" }, id)
end

-- Addresses that the platform answers when no function does (P171, P232).
_M.UNOWNED = { ["/docs"] = true, ["/openapi.json"] = true, ["/"] = true }

local function to_admin(path, raw_path, id)
    if not KNOWN_METHODS[ngx.req.get_method()] then
        return errors.send(405, "method not allowed", id)
    end
    if path ~= raw_path then
        path = gsub(path, "[^/]+", ngx.escape_uri)
    else
        path = raw_path
    end
    local query = var.args
    var.fn_admin_uri = query and path .. "?" .. query or path
    var.fn_request_id = id
    return ngx.exec("@admin")
end

_M.to_admin = to_admin

-- Answers a request whose path belongs to the platform; `raw_path` is the path as sent.
function _M.handle(path, raw_path, method, id)
    if path == "/_fn/live" or path == "/_fn/ready" then
        if method == "OPTIONS" then
            ngx.status = 204
            header["Allow"], header["X-Request-Id"] = ALLOW, id
            return ngx.exit(204)
        end
        if method ~= "GET" and method ~= "HEAD" then
            return errors.send(405, "method not allowed", id, nil, { Allow = ALLOW })
        end
        if path == "/_fn/ready" then
            return ready(id)
        end
        return send_json(200, { status = "ok" }, id)
    end
    return to_admin(path, raw_path, id)
end

-- The internal location whose body limit is the smallest step that holds `limit` bytes.
function _M.chunked_location(limit)
    for _, step in ipairs(CHUNKED_STEPS) do
        if limit <= step then
            return "@chunked_" .. step
        end
    end
    return "@chunked_ceiling"
end

return _M
