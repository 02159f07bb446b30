-- The platform's own addresses below /_fn and /console that nginx answers itself: liveness and readiness.

local cjson = require "cjson.safe"
local route_table = require "openresty.route_table"
local link = require "openresty.link"
local errors = require "openresty.errors"

local var, header = ngx.var, ngx.header

-- Limits of the locations that collect chunked bodies (P84), ascending; the last is the ceiling.
local CHUNKED_STEPS = { 65536, 1048576, 16777216, 134217728 }

local ALLOW = "GET, HEAD, OPTIONS"

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

-- Answers a request whose path belongs to the platform.
function _M.handle(path, method, id)
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
        return send_json(200, { status = "live" }, id)
    end
    return errors.send(404, "not found", id)
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
