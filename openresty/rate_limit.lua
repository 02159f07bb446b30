-- Rate limits (F144): a token bucket per function and key, shared by all nginx workers.

local client_address = require("openresty.origin").client

local dict = ngx.shared.fn_rates
local now, var = ngx.now, ngx.var
local floor, ceil, max, min = math.floor, math.ceil, math.max, math.min
local sub, gsub, lower = string.sub, string.gsub, string.lower

local LOCK_SECONDS = 0.01    -- a worker that died inside the few instructions below blocks its key no longer than this
local LOCK_TRIES = 10000

local _M = {}

-- What is counted for; a request without the identity that the limit is about counts for its address.
local function key_of(limit, verdict)
    if limit.key == "global" then
        return ""
    end
    local identity = limit.by_identity and verdict and verdict[limit.key]
    if identity then
        return "i:" .. identity
    end
    if sub(limit.key, 1, 7) == "header:" then
        return var["http_" .. gsub(lower(sub(limit.key, 8)), "-", "_")] or ""
    end
    return client_address()
end

-- The bucket's content is kept as the time at which it will be full again ("theoretical arrival time"). The lock makes
-- read, decide and write one step; nothing in between yields.
local function take(bucket, interval, burst, time)
    local lock = "l:" .. bucket
    local tries = 0
    while not dict:add(lock, true, LOCK_SECONDS) and tries < LOCK_TRIES do
        tries = tries + 1
    end
    local full_at = max(dict:get(bucket) or 0, time) + interval
    local allowed = full_at - time <= burst * interval + 1e-9
    if allowed then
        dict:set(bucket, full_at, full_at - time + 1)
    else
        full_at = full_at - interval
    end
    dict:delete(lock)
    return allowed, full_at
end

-- Takes one token; `verdict` is that of auth.lua, if there is one. Returns whether there was one, and the headers that say so (RateLimit, RateLimit-Policy, Retry-After).
function _M.check(key, limit, verdict)
    local interval = limit.window_seconds / limit.requests
    local time = now()
    local allowed, full_at = take("r:" .. key .. ":" .. key_of(limit, verdict), interval, limit.burst, time)
    local remaining = max(0, floor(limit.burst - (full_at - time) / interval + 1e-6))
    local reset = max(1, ceil(min(full_at - time, limit.window_seconds)))
    local headers = {
        ["RateLimit-Policy"] = '"default";q=' .. limit.requests .. ";w=" .. limit.window_seconds,
        ["RateLimit"] = '"default";r=' .. remaining .. ";t=" .. reset,
    }
    if not allowed then
        headers["Retry-After"] = max(1, ceil(full_at - time - (limit.burst - 1) * interval))
    end
    return allowed, headers
end

return _M
