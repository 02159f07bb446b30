-- The admitted stream of each request that is being answered, found again by the log phase when the client has left: what the
-- request held is given back there, since its own code no longer runs.

local base = require "resty.core.base"
local ffi = require "ffi"

local get_request = base.get_request
local cast, tonumber = ffi.cast, tonumber

local _M = {}
local streams = {}

local function request_key()
    return tonumber(cast("uintptr_t", get_request()))
end

-- The current request has `stream` from now on.
function _M.hold(stream)
    streams[request_key()] = stream
end

-- The stream of the current request, which holds it no longer; nil when it has none.
function _M.drop()
    local key = request_key()
    local stream = streams[key]
    streams[key] = nil
    return stream
end

return _M
