-- Lua functions run inside this nginx worker, under a deadline hook, each in an environment of its own.

local cjson = require "cjson.safe"
local counters = require "openresty.counters"
local dispatch = require "openresty.dispatch"
local functions = require "openresty.functions"
local live = require "openresty.live"
local redact = require "openresty.redact"
local respond = require "openresty.respond"
local errors = require "openresty.errors"
local sandbox = require "openresty.lua_sandbox"
local deadline = require "openresty.lua_deadline"
local event = require "openresty.lua_event"
local result = require "openresty.lua_result"
local link = require "openresty.link"
local route_table = require "openresty.route_table"
local origin = require "openresty.origin"
local metrics = require "openresty.metrics"

local now, sleep, var, worker_pid = ngx.now, ngx.sleep, ngx.var, ngx.worker.pid
local floor, tostring, type, concat = math.floor, tostring, type, table.concat

local LOAD_SECONDS = 10        -- like the start of a worker (F102)
local QUEUE_STEP_SECONDS = 0.005

local _M = {}

local running_request, captured    -- what `print` is attributed to; set around each call

local function log_line(key, request_id, stream, level, message)
    link.send_log({ type = "log", ["function"] = key, request_id = request_id, stream = stream, level = level, message = message })
end

local function load(fn)
    local record = fn.record
    local files = {}
    local state = { key = fn.key }
    local function write_line(text)
        log_line(fn.key, running_request, "stdout", "info", text)
        if captured then
            captured[#captured + 1] = text
        end
    end
    local handler, short_text, reason = sandbox.load(record.lua, record.env, write_line, files, LOAD_SECONDS)
    if handler then
        state.handler = handler
        local total, share = counters.keys("x:" .. fn.key)
        state.slot = { total = total, share = share }
    else
        state.failure = { status = 500, error = short_text }
        counters.unmark(fn.key)
        log_line(fn.key, nil, "stderr", "error", reason)
    end
    link.send({ type = "files", ["function"] = fn.key, revision = record.revision, files = files, error = not handler and reason or nil })
    fn.lua = state
    return state
end

-- Takes one of the function's slots for the stream, waiting in its queue; returns false when that took too long, and whether it
-- waited. The stream gives it back (dispatch.abandon), also when the client leaves.
local function take_slot(fn, stream, slot)
    local slots = fn.record.slots
    if slots == 0 then
        return true, false
    end
    local until_time, waited = now() + fn.queue_timeout, false
    while counters.increment(slot.total, slot.share) > slots do
        counters.decrement(slot.total, slot.share)
        if waited and now() >= until_time then
            return false, true
        end
        waited = true
        sleep(QUEUE_STEP_SECONDS)
    end
    stream.slot = slot
    return true, waited
end

local function read_all(source)
    local parts = {}
    for piece in source.next do
        parts[#parts + 1] = piece
    end
    source.close()
    return concat(parts)
end

local function describe(reason)
    if type(reason) == "table" and getmetatable(reason) == nil then
        return cjson.encode(reason) or "a table was raised"
    end
    return tostring(reason)
end

-- Calls the handler; returns ok and its result, or false and the status, short text and detail to answer with.
local function call(fn, state, built, id)
    local record = fn.record
    running_request, captured = id, record.debug and {} or nil
    local ok, returned = deadline.run(fn.timeout, state.handler, built, built.params)
    local output = captured and concat(captured, "\n")
    running_request, captured = nil, nil
    if ok then
        return true, returned, output
    end
    if returned == deadline.TIMEOUT then
        return false, { status = 504, error = "runtime timeout" }
    end
    log_line(fn.key, id, "stderr", "error", describe(returned))
    return false, { status = 500, error = "handler error",
        stack = route_table.settings.dev_errors and origin.is_local() and redact.hide(describe(returned), record.hidden) or nil }
end

local function finish(stream)
    live.drop()
    dispatch.abandon(stream)
    dispatch.recycle(stream)
end

local function send_failure(fn, id, failure, cold)
    respond.set_state(fn, failure.status, cold, false)
    return errors.send(failure.status, failure.error, id, { detail = failure.detail, stack = failure.stack }, failure.headers)
end

-- Answers one request with a Lua function; `extra` is that of the request head (docs/protocol.md), nil without one. An `invoked`
-- one says in its answer whose handler made it, and that its output has ended.
function _M.handle(fn, match, method, uri, id, ms, raw, body, source, extra, address, invoked)
    local record = fn.record
    local stream = dispatch.admit(fn)
    if not stream then
        metrics.reject("overflow")
        functions.count_drop(fn, "overflow")
        return send_failure(fn, id, { status = record.overflow_status, error = "worker pool overflow",
            headers = { ["Retry-After"] = 1 } }, false)
    end
    live.hold(stream)
    local state = fn.lua
    local cold = state == nil and counters.mark(fn.key)    -- F3: no nginx worker had loaded it
    if fn.event_record ~= record then
        fn.event_record, fn.event_template = record, event.template(record)
    end
    if cold then
        metrics.cold_start()
    end
    if not state then
        state = load(fn)
    end
    if state.failure then
        finish(stream)
        return send_failure(fn, id, state.failure, cold)
    end
    if source then
        body = read_all(source)
    end
    local ok, waited = take_slot(fn, stream, state.slot)
    if not ok then
        finish(stream)
        return respond.send_queue_timeout(fn, id)
    end
    local deadline_ms = floor((now() + fn.timeout) * 1000)
    local built = event.build(fn.event_template, match, method, uri, id, ms, raw, body, address, worker_pid(), deadline_ms,
        extra)
    local returned, output
    ok, returned, output = call(fn, state, built, id)
    finish(stream)
    if invoked then
        link.send_log({ type = "log", ["function"] = fn.key, request_id = id, stream = "stdout", level = "info", message = "",
            last = true })
        if ok or returned.status == 500 then
            ngx.header["X-Fn-Handled"] = fn.key
        end
    end
    if not ok then
        return send_failure(fn, id, returned, cold)
    end
    local answer, bytes, why = result.build(returned)
    if not answer then
        log_line(fn.key, id, "stderr", "error", "invalid runtime response: " .. why)
        return send_failure(fn, id, { status = 502, error = "invalid runtime response", detail = why }, cold)
    end
    if answer.proxy then
        return send_failure(fn, id, { status = 502, error = "edge proxy disabled" }, cold)
    end
    respond.send_head(answer, fn, id, ms, cold, waited, nil, output)
    return respond.send_whole(answer, bytes, method)
end

-- Tries to load code without keeping it, so that a broken save never replaces what serves. Returns a table for the supervisor.
function _M.check(record)
    local files = {}
    local lines = {}
    local handler, short_text, reason = sandbox.load(record.lua, record.env, function(text) lines[#lines + 1] = text end, files,
        LOAD_SECONDS)
    if handler then
        return { ok = true, files = files }
    end
    return { ok = false, error = short_text, message = reason, files = files }
end

return _M
