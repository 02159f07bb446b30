-- Takes one admitted request to a worker and back: slots, queue, deadline, cancellation, moving a request that had not begun.

local semaphore = require "ngx.semaphore"
local protocol = require "openresty.protocol"
local counters = require "openresty.counters"
local functions = require "openresty.functions"
local answer = require "openresty.answer"
local link = require "openresty.link"

local timer_at, now = ngx.timer.at, ngx.now
local request_header = protocol.request_header
local increment, decrement = counters.increment, counters.decrement
local FLAG_END, FLAG_ANNOUNCE, FLAG_CAPTURE = protocol.FLAG_END, protocol.FLAG_ANNOUNCE, protocol.FLAG_CAPTURE
local MAX_BODY_BYTES = protocol.MAX_BODY_BYTES

local GRACE_SECONDS = 0.25     -- from CANCEL to the END that answers it (P101)
local MAX_MOVES = 8            -- workers that die before they begin a request; then it is the request's fault
local POOL_SIZE = 2048

local _M = {}

local pool, pooled = {}, 0

local function release(stream)
    local worker = stream.slot
    if worker then
        stream.slot = nil
        decrement(worker.total, worker.share)
    end
    local fn = stream.fn
    if fn then
        stream.fn = nil
        decrement(fn.total, fn.share)
    end
end

functions.set_hooks({
    parse_head = answer.parse_head,
    on_closed = function(_, stream)
        if stream.fn and not stream.lost then
            functions.observe(stream.fn, (now() - stream.sent_at) * 1000, stream.open_with)
        end
        release(stream)
    end,
    on_end = function(connection)
        if not connection.retired then
            functions.drop_worker(connection.worker)
            link.send({ type = "closed", pid = connection.address.pid })
        end
    end,
})

local function new_stream()
    if pooled > 0 then
        local stream = pool[pooled]
        pool[pooled] = nil
        pooled = pooled - 1
        return stream
    end
    return { sem = semaphore.new(0) }
end

-- Gives a closed stream back for reuse; one that is still open belongs to its connection until it closes.
function _M.recycle(stream)
    if stream.closed and pooled < POOL_SIZE and stream.sem:count() == 0 then
        stream.closed, stream.begun, stream.ended, stream.cancelled, stream.waiting = false, false, false, false, false
        stream.lost, stream.unsent, stream.queued, stream.captured = false, false, false, nil
        stream.head, stream.body, stream.answer, stream.chunks, stream.failure = nil, nil, nil, nil, nil
        stream.connection, stream.id = nil, nil
        pooled = pooled + 1
        pool[pooled] = stream
    end
end

-- Admits a request to a function: F123, F123a. Returns its stream, or nil when the function is full.
function _M.admit(fn)
    local running = increment(fn.total, fn.share)
    if fn.admitted > 0 and running > fn.admitted then
        decrement(fn.total, fn.share)
        return nil
    end
    local stream = new_stream()
    stream.fn = fn
    return stream
end

-- Ends a stream's part in the request, wherever it stands: the client left, the deadline passed, or the answer is complete.
function _M.abandon(stream)
    if stream.closed then
        return
    end
    if stream.connection then
        stream.connection:cancel(stream)
    else
        release(stream)
        stream.closed = true
    end
end

-- Waits until the connection changes something about the stream; false after `seconds`.
local function await(stream, seconds)
    stream.waiting = true
    local ok = stream.sem:wait(seconds)
    stream.waiting = false
    return ok
end

local function report_if_stuck(_, stream, connection, id)
    if connection.streams[id] == stream and not connection.dead then
        link.send({ type = "stuck", pid = connection.address.pid, open = connection.open_streams, served = connection.served })
    end
end

-- Sends REQUEST (with the body when it is whole) to the least busy worker.
local function send(fn, stream, id, stamp, address, tail, raw, body, has_source)
    local worker = functions.choose(fn)
    local taken = false
    if worker.counted then
        taken = increment(worker.total, worker.share) > worker.concurrency
        stream.slot = worker
    end
    local connection = functions.connect(worker)
    stream.sent_at, stream.open_with = now(), connection.open_streams + 1
    stream.begun_at = stream.sent_at
    local stream_id = connection:open_stream(stream)
    stream.begun = not taken and not has_source
    stream.queued = stream.queued or taken
    stream.worker = worker
    local flags = (stream.begun and 0 or FLAG_ANNOUNCE) + (has_source and 0 or FLAG_END) + (stream.captured and FLAG_CAPTURE or 0)
    local size = body and #body or 0
    local head_length = #id + #stamp + #address + #tail + #raw
    stream.credit = MAX_BODY_BYTES - size
    connection:send_request(request_header(flags, head_length, size, stream_id), id, stamp, address, tail, raw, body)
    return connection
end

-- Passes a large body on piece by piece under the stream's credit. Returns false and why when the client failed.
local function upload(stream, connection, source, seconds)
    while true do
        local piece, err = source.next()
        if not piece then
            if err then
                return false, err
            end
            break
        end
        while stream.credit < #piece and not stream.closed do
            if not await(stream, seconds) then
                return true        -- the worker does not read: its deadline below decides
            end
        end
        if stream.closed then
            return true
        end
        connection:send_body(stream, piece)
    end
    if not stream.closed then
        connection:send_end(stream)
    end
    return true
end

-- Waits for the answer's head. Returns nil when there is one (or the worker's ERROR), else "queue" or "deadline".
local function await_answer(fn, stream)
    local patience = fn.queue_timeout
    while not stream.begun and not stream.closed and not stream.answer do
        if not await(stream, patience) and not stream.begun and not stream.answer and not stream.closed then
            return "queue"
        end
    end
    while not stream.closed and not stream.answer do
        if not await(stream, fn.timeout) and not stream.closed and not stream.answer then
            return "deadline"
        end
    end
    return nil
end

-- Runs one request on a worker; id, stamp, address, tail and raw are its head (event_head.lua). Returns an outcome:
-- "answer" (stream.answer, stream.body and what follows), "error" (stream.failure), "died", "queue", "deadline", "moved",
-- "client" (its body failed) or "none" (no worker could be had: fn.failure says why, if known).
function _M.run(fn, stream, id, stamp, address, tail, raw, body, source)
    for _ = 1, MAX_MOVES do
        if #fn.workers == 0 then
            if not functions.wait_for_worker(fn, fn.boot_timeout) or #fn.workers == 0 then
                _M.abandon(stream)
                return "none"
            end
        end
        local connection = send(fn, stream, id, stamp, address, tail, raw, body, source ~= nil)
        if source then
            local ok = upload(stream, connection, source, fn.timeout)
            if not ok then
                _M.abandon(stream)
                return "client"
            end
        end
        local overdue = await_answer(fn, stream)
        if overdue then
            connection:cancel(stream)
            if overdue == "deadline" then
                timer_at(GRACE_SECONDS, report_if_stuck, stream, connection, stream.id)
            end
            return overdue
        end
        if stream.answer then
            return "answer"
        end
        if stream.failure then
            return "error"
        end
        if source or (stream.begun and not stream.unsent) then
            return "died"
        end
        -- Certainly not begun: it moves. Its place among the function's running requests was given back with the stream.
        increment(fn.total, fn.share)
        stream.fn, stream.closed, stream.lost, stream.unsent = fn, false, false, false
    end
    _M.abandon(stream)
    return "died"
end

-- Waits for more of a streamed body; false when nothing came for `seconds`.
function _M.await_body(stream, seconds)
    return await(stream, seconds) or stream.closed or stream.chunks ~= nil
end

return _M
