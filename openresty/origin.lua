-- Who a request comes from, and whether that is local (P131): loopback peer before any rewriting, no forwarding header, a loopback
-- Host.

local find, lower, gsub = string.find, string.lower, string.gsub
local var = ngx.var

local FORWARDING = { "forwarded", "x_forwarded_for", "x_forwarded_proto", "x_forwarded_host", "x_forwarded_port",
    "x_forwarded_by", "x_forwarded_server", "x_real_ip", "via", "cf_connecting_ip", "true_client_ip", "x_client_ip" }

local LOOPBACK = "127.0.0.1"

local loopback_peer    -- what loopback clients appear with where the port is published from outside (P66)

local _M = {}

function _M.set_loopback_peer(address)
    loopback_peer = address
end

-- The client's address, after trusted proxies are resolved.
function _M.client()
    local address = var.remote_addr
    if address == loopback_peer then
        return LOOPBACK
    end
    return address
end

local function is_loopback(address)
    return address == "::1" or find(address, "^127%.%d+%.%d+%.%d+$") ~= nil
end

function _M.is_local()
    local peer = var.realip_remote_addr or ""
    if peer ~= loopback_peer and not is_loopback(peer) then
        return false
    end
    for _, name in ipairs(FORWARDING) do
        if var["http_" .. name] then
            return false
        end
    end
    local host = var.http_host
    if not host then
        return false
    end
    host = gsub(lower(host), ":%d+$", "")
    return host == "localhost" or host == "[::1]" or is_loopback(host)
end

return _M
