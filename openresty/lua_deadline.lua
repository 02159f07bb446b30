-- Stops Lua functions at their deadline. Function chunks run uncompiled (jit.off) under a count hook; once the deadline has
-- passed the hook raises its error again at every instruction, so that no pcall of the function keeps it alive, until control
-- is back in `guarded`, where the hook finds itself in our own frame and disarms.

local sethook, getinfo = debug.sethook, debug.getinfo
local update_time, now, ngx_sleep = ngx.update_time, ngx.now, ngx.sleep
local pcall, error = pcall, error

local INSTRUCTIONS = 100000    -- between two looks at the clock; costs nothing visible

local _M = { TIMEOUT = setmetatable({}, { __tostring = function() return "deadline passed" end }) }
local TIMEOUT = _M.TIMEOUT
local deadline = nil           -- of the function that runs in this nginx worker right now
local guarded

local function hook()
    if deadline == nil or getinfo(2, "f").func == guarded then
        return sethook()
    end
    update_time()
    if now() >= deadline then
        sethook(hook, "", 1)
        error(TIMEOUT, 0)
    end
end

local function arm(at)
    deadline = at
    sethook(hook, "", INSTRUCTIONS)
end

local function disarm()
    sethook()
    deadline = nil
end

guarded = function(call, first, second)
    local ok, result = pcall(call, first, second)
    sethook()
    return ok, result
end

-- Calls `call(first, second)`; returns as pcall does, with TIMEOUT as the error when `seconds` have passed.
function _M.run(seconds, call, first, second)
    update_time()
    arm(now() + seconds)
    local ok, result = guarded(call, first, second)
    disarm()
    return ok, result
end

-- `ngx.sleep` for functions: other requests run meanwhile, each under its own deadline.
function _M.sleep(seconds)
    local own = deadline
    if own == nil then
        return ngx_sleep(seconds)
    end
    local left = own - now()
    disarm()
    ngx_sleep(seconds < left and seconds or left > 0 and left or 0)
    arm(own)
    if seconds >= left then
        error(TIMEOUT, 0)
    end
end

return _M
