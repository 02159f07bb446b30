-- Sends a function's answer to the client: head (life-cycle and debug headers added), then the body, whole or as it comes.

local dispatch = require "openresty.dispatch"
local cors = require "openresty.cors"
local functions = require "openresty.functions"
local errors = require "openresty.errors"
local origin = require "openresty.origin"
local redact = require "openresty.redact"
local metrics = require "openresty.metrics"

local header, print, flush, exit, log, WARN = ngx.header, ngx.print, ngx.flush, ngx.exit, ngx.log, ngx.WARN
local gsub, format, sub, byte = string.gsub, string.format, string.sub, string.byte

local DEBUG_BYTES = 4096
local BLANK = " "    -- nginx would leave out a header with an empty value; blanks around a value are no part of it (RFC 9110 5.5)
local NEVER_REACHED = 2 ^ 53    -- bytes of a body whose length is not known
local HEAD_SECONDS = 0.05    -- the head waits this long for the first piece (F164)

local _M = {}

-- What a handler printed, as a header's value; workers cut it at the same length.
local function output_header(text, secrets)
    if not text or text == "" then
        return nil
    end
    text = redact.hide(sub(text, 1, DEBUG_BYTES), secrets, #text >= DEBUG_BYTES)
    return (gsub(sub(text, 1, DEBUG_BYTES), "[^\32-\36\38-\126]", function(c) return format("%%%02X", byte(c)) end))
end

-- F108. `worker` is nil for Lua functions.
local function set_debug_headers(fn, id, ms, answer, worker, stdout, stderr)
    local record = fn.record
    header["X-Fn-Request-Id"], header["X-Fn-Runtime"], header["X-Fn-Function"] = id, record.runtime, record.name
    header["X-Fn-Version"] = record.version
    header["X-Fn-Latency-Ms"] = format("%.1f", ngx.now() * 1000 - tonumber(ms))
    header["X-Fn-Worker-Pool-Max-Workers"], header["X-Fn-Worker-Pool-Max-Queue"] = record.max_workers, record.max_queue
    header["X-Fn-Runtime-Routing"] = not worker and "in_process" or #fn.workers > 1 and "least_outstanding" or "single"
    if worker then
        header["X-Fn-Runtime-Socket-Index"] = worker.index
    end
    if record.debug_output or origin.is_local() then
        header["X-Fn-Stdout"] = output_header(stdout or answer.stdout, record.hidden)
        header["X-Fn-Stderr"] = output_header(stderr or answer.stderr, record.hidden)
    end
end

-- Life-cycle headers (F3). `cold`: no worker of the function was loaded when the request came.
function _M.set_state(fn, status, cold, queued)
    header["X-FastFN-Function-State"] = cold and "cold" or "warm"
    if cold and status < 500 then
        header["X-FastFN-Warmed"] = "true"
    end
    if queued then
        header["X-FastFN-Queued"] = "true"
    end
    if fn.record.stale and origin.is_local() then
        header["x-fn-stale"] = "error"
    end
end

-- Status and headers of an answer.
function _M.send_head(answer, fn, id, ms, cold, queued, worker, stdout, stderr)
    ngx.status = answer.status
    local names, values = answer.names, answer.values
    for i = 1, answer.n do
        local value = values[i]
        header[names[i]] = value ~= "" and value or BLANK
    end
    if fn.record.cors then
        cors.finish(answer)
    end
    header["X-Request-Id"] = id
    _M.set_state(fn, answer.status, cold, queued)
    if answer.no_transform then
        ngx.req.clear_header("Accept-Encoding")    -- gzip is a transformation (P85)
    end
    if answer.event_stream and not answer.has_cache_control then
        header["Cache-Control"] = "no-cache"
    end
    if fn.record.debug then
        set_debug_headers(fn, id, ms, answer, worker, stdout, stderr)
    end
end

-- A body that is complete.
function _M.send_whole(answer, body, method)
    if answer.bodyless then
        if answer.status == 205 then
            header["Content-Length"] = 0
        end
        return ngx.send_headers()
    end
    header["Content-Length"] = #body
    if method == "HEAD" then
        return ngx.send_headers()
    end
    print(body)
end

-- Waits for the next piece; a head whose first piece is late goes out alone (F164).
local function wait_for_more(stream, idle_seconds)
    if ngx.headers_sent then
        return dispatch.await_body(stream, idle_seconds)
    end
    if dispatch.await_body(stream, HEAD_SECONDS) then
        return true
    end
    ngx.send_headers()
    flush(true)
    return dispatch.await_body(stream, idle_seconds)
end

-- A body that follows in frames; each piece is passed on, and its credit returned once it has left.
function _M.send_stream(stream, answer, method, idle_seconds)
    if answer.length then
        header["Content-Length"] = answer.length
    end
    if answer.bodyless or method == "HEAD" then
        ngx.send_headers()
        return dispatch.abandon(stream)
    end
    local connection = stream.connection
    local unsent = #stream.body
    local missing = (answer.length or NEVER_REACHED) - unsent
    local has_output = unsent > 0
    if has_output and missing >= 0 then
        print(stream.body)
    end
    while true do
        local chunks = stream.chunks
        if chunks then
            stream.chunks = nil
            local arrived = 0
            for i = 1, #chunks do
                arrived = arrived + #chunks[i]
            end
            unsent, missing = unsent + arrived, missing - arrived
            if missing >= 0 then
                print(chunks)
                has_output = true
            end
        end
        if missing < 0 then
            log(WARN, "a stream was longer than the length it announced and is cut")    -- the client would take the rest for an answer
            dispatch.abandon(stream)
            return exit(ngx.ERROR)
        end
        if has_output then
            if not flush(true) then
                return dispatch.abandon(stream)
            end
            has_output = false
        end
        if stream.closed and not stream.chunks then
            break
        end
        if unsent > 0 and not stream.closed then
            connection:send_window(stream, unsent)
            unsent = 0
        end
        if not stream.chunks and not stream.closed and not wait_for_more(stream, idle_seconds) then
            log(WARN, "a stream was silent for ", idle_seconds, " s and is cut")
            dispatch.abandon(stream)
            return exit(ngx.ERROR)
        end
    end
    if not stream.ended or (answer.length and missing > 0) then
        return exit(ngx.ERROR)    -- it failed after the head, or ended before its length: no clean end (F165)
    end
end

-- What a request gets that waited too long for its turn (F123, F123a).
function _M.send_queue_timeout(fn, id)
    local record = fn.record
    metrics.reject("queue_timeout")
    functions.count_drop(fn, "timeout")
    _M.set_state(fn, 500, false, true)
    if record.pooled then
        return errors.send(record.overflow_status, "worker pool queue timeout", id, nil, { ["Retry-After"] = 1 })
    end
    return errors.send(503, "overloaded", id, nil, { ["Retry-After"] = 1 })
end

return _M
