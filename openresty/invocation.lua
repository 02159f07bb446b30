-- Calls of the platform itself (F167): its own listener gets ordinary requests with one more header, which says what no public
-- request can say: { id, target?, extra? }: the event's id, the function that shall answer, and the `extra` field of the head
-- (docs/protocol.md) as JSON text.

local cjson = require "cjson.safe"
local gateway = require "openresty.gateway"
local request_head = require "openresty.request_head"

local var, raw_header = ngx.var, ngx.req.raw_header
local gsub = string.gsub

local HEADER_LINE = "\r\n[xX]%-[fF][nN]%-[iI]nvocation:[^\r\n]*"

local _M = {}

-- The content handler of the listener for invocations.
function _M.handle()
    local given = cjson.decode(ngx.decode_base64(var.http_x_fn_invocation or "") or "")
    if not given then
        return ngx.exit(400)    -- only the supervisor can reach this listener
    end
    local raw = request_head.checked((gsub(raw_header(), HEADER_LINE, "", 1)))
    return gateway.handle_invocation(given, raw)
end

return _M
