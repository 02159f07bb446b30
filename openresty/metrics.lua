-- Counts what the requests of this nginx worker cost and how they ended (P217): plain tables, no shared memory on the way of a
-- request. The supervisor adds up all nginx workers; it is sent what is new with each beat, and when it asks.

local ffi = require "ffi"
local link = require "openresty.link"

local floor, now, pairs, tostring = math.floor, ngx.now, pairs, tostring

-- Upper ends of the classes of durations, in milliseconds: what nginx's clock resolves, to the deadlines of slow handlers.
local BOUNDS_MS = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000 }
local CLASSES = #BOUNDS_MS + 1    -- the last holds everything slower
local LONGEST_MS = BOUNDS_MS[#BOUNDS_MS]

local METHODS = { GET = "GET", HEAD = "HEAD", POST = "POST", PUT = "PUT", PATCH = "PATCH", DELETE = "DELETE", OPTIONS = "OPTIONS" }

local class_of = ffi.new("uint8_t[?]", LONGEST_MS + 1)
do
    local class = 1
    for ms = 0, LONGEST_MS do
        if ms > BOUNDS_MS[class] then
            class = class + 1
        end
        class_of[ms] = class
    end
end

local _M = {}

local by_function, unsent = {}, false                      -- key -> what its requests cost since the last flush
local rejected, auth_failures, cold_starts = {}, {}, 0     -- of all functions

local function new_entry()
    local durations = {}
    for class = 1, CLASSES do
        durations[class] = 0
    end
    return { ms = 0, received = 0, sent = 0, durations = durations, answers = {} }
end

-- Counts one request that is over. `key` is empty where no function was found; `started` is in seconds; the rest in bytes.
function _M.count(key, method, status, started, received, sent)
    local entry = by_function[key]
    if not entry then
        entry = new_entry()
        by_function[key] = entry
        unsent = true
    end
    local ms = floor((now() - started) * 1000 + 0.5)
    if ms < 0 then
        ms = 0    -- the machine's clock was set back
    end
    local class = ms <= LONGEST_MS and class_of[ms] or CLASSES
    local durations = entry.durations
    durations[class] = durations[class] + 1
    entry.ms, entry.received, entry.sent = entry.ms + ms, entry.received + received, entry.sent + sent
    method = METHODS[method] or "OTHER"
    local by_status = entry.answers[method]
    if not by_status then
        by_status = {}
        entry.answers[method] = by_status
    end
    by_status[status] = (by_status[status] or 0) + 1
end

-- Counts a request that was refused before its handler ran, by a limit or because nothing could run it.
function _M.reject(reason)
    rejected[reason] = (rejected[reason] or 0) + 1
    unsent = true
end

-- Counts a request for which no worker of its function was loaded (for Lua: whose code was not loaded in this nginx worker).
function _M.cold_start()
    cold_starts = cold_starts + 1
    unsent = true
end

-- Counts credentials that were refused; `kind` names what was asked for.
function _M.auth_failure(kind)
    auth_failures[kind] = (auth_failures[kind] or 0) + 1
    unsent = true
end

-- An entry as JSON needs it: classes by their upper end, answers as "GET 200".
local function encoded(entry)
    local durations, answers = {}, {}
    for class = 1, CLASSES do
        if entry.durations[class] > 0 then
            durations[BOUNDS_MS[class] and tostring(BOUNDS_MS[class]) or "slower"] = entry.durations[class]
        end
    end
    for method, by_status in pairs(entry.answers) do
        for status, count in pairs(by_status) do
            answers[method .. " " .. status] = count
        end
    end
    return { ms = entry.ms, received = entry.received, sent = entry.sent, durations = durations, answers = answers }
end

-- Sends what was counted since the last time.
function _M.flush()
    if not unsent then
        return
    end
    local functions = {}
    for key, entry in pairs(by_function) do
        functions[key] = encoded(entry)
    end
    link.send({ type = "counts", functions = functions, rejected = rejected, auth_failures = auth_failures, cold_starts = cold_starts })
    by_function, unsent = {}, false
    rejected, auth_failures, cold_starts = {}, {}, 0
end

return _M
