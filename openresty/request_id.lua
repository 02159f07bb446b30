-- Request ids (F1): `req-<epoch ms>-<pid>-<6 digits>`; a trusted proxy's own id is adopted.

local find = string.find
local tostring = tostring
local floor = math.floor
local now = ngx.now

local _M = {}
local pid, pid_part             -- of this nginx worker; "-<pid>-"
local count = 99999             -- six digits without padding
local last_ms, last_text, last_stamp = 0, "", ""

function _M.init()
    pid = ngx.worker.pid()
    pid_part = "-" .. pid .. "-"
end

-- The arrival in epoch milliseconds as text; requests of one event-loop turn share it.
local function arrival()
    local ms = floor(now() * 1000 + 0.5)
    if ms ~= last_ms then
        last_ms, last_text = ms, string.format("%.0f", ms)
        last_stamp = "\0" .. last_text .. "\0" .. pid .. "\0"
    end
    return last_text, last_stamp
end

-- Returns a fresh id, the arrival time as text, and the piece of a REQUEST's head that holds it (event_head.lua).
function _M.new()
    count = count >= 999999 and 100000 or count + 1
    local ms, stamp = arrival()
    return "req-" .. ms .. pid_part .. count, ms, stamp
end

-- The id of the request being handled: the proxy's own when `trusted` and well-formed, else a fresh one.
function _M.adopt(trusted, sent)
    local id, ms, stamp = _M.new()
    if trusted and sent and #sent <= 128 and find(sent, "^[%w._-]+$") then
        id = sent
    end
    return id, ms, stamp
end

return _M
