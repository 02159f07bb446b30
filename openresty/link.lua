-- This nginx worker's connection to the supervisor: JSON lines both ways, held by a timer (docs/protocol.md of the design:
-- hello, acked, need, verify, stuck, closed, probe, counts, flushed, beat from here; workers, table, verdict, flush, drain from
-- there).

local cjson = require "cjson.safe"
local semaphore = require "ngx.semaphore"
local clear = require "table.clear"

local tcp, timer_at, spawn, wait, kill = ngx.socket.tcp, ngx.timer.at, ngx.thread.spawn, ngx.thread.wait, ngx.thread.kill
local log, ERR, now = ngx.log, ngx.ERR, ngx.now

local NEVER_MS = 2147483647
local BEAT_SECONDS = 0.5       -- the supervisor kills an nginx worker that is silent for longer than any deadline allows
local RETRY_SECONDS = 0.02
local MAX_UNSENT_LOG_BYTES = 1048576    -- as for workers (docs/protocol.md): a flood of output never fills this process

local _M = { connected = false }
local out, out_n, wakeup, handlers, path, stopping = {}, 0, nil, nil, nil, false

local log_bytes, dropped, dropped_by = 0, 0, nil    -- of the output in `out`; lines left out since it was last sent

local function queue(text)
    out_n = out_n + 1
    out[out_n] = text
    if wakeup and out_n == 1 then
        wakeup:post(1)
    end
end

-- Queues one message; before the connection stands (or while it is renewed) messages are kept.
function _M.send(message)
    queue(cjson.encode(message) .. "\n")
end

-- Queues a line that a function printed, or counts it as dropped. Without the bound a flood would also be slow: LuaJIT hashes
-- a few bytes of a string, so that tens of thousands of lines that differ elsewhere are searched one by one.
function _M.send_log(message)
    if log_bytes >= MAX_UNSENT_LOG_BYTES then
        dropped, dropped_by = dropped + 1, message["function"]
        return
    end
    local text = cjson.encode(message) .. "\n"
    log_bytes = log_bytes + #text
    queue(text)
end

local function report_dropped()
    if dropped > 0 then
        _M.send({ type = "log", ["function"] = dropped_by, stream = "stderr", level = "warn", message = dropped .. " lines dropped" })
        dropped, dropped_by = 0, nil
    end
    log_bytes = 0
end

local function read_loop(sock)
    while true do
        local line, err = sock:receive("*l")
        if line then
            local message = cjson.decode(line)
            local handler = message and handlers[message.type]
            if handler then
                local ok, why = pcall(handler, message)
                if not ok then
                    log(ERR, "supervisor message ", message.type, ": ", why)
                end
            end
        elseif err ~= "timeout" then
            return
        end
    end
end

local function write_loop(sock)
    local last_beat = 0
    while true do
        wakeup:wait(BEAT_SECONDS)
        if stopping then
            return
        end
        if now() - last_beat >= BEAT_SECONDS then
            last_beat = now()
            handlers.flush()
            _M.send({ type = "beat", usage = handlers.usage() })
        end
        if out_n > 0 then
            report_dropped()
            local batch, n = table.concat(out, "", 1, out_n), out_n
            clear(out)
            out_n = 0
            if n > 0 and not sock:send(batch) then
                return
            end
        end
    end
end

local function run(premature)
    if premature or ngx.worker.exiting() then
        return
    end
    local sock = tcp()
    sock:settimeouts(1000, NEVER_MS, NEVER_MS)
    if sock:connect("unix:" .. path) then
        sock:send(cjson.encode({ type = "hello", worker = ngx.worker.id(), pid = ngx.worker.pid() }) .. "\n")
        _M.connected = true
        handlers.connected()
        local reader, writer = spawn(read_loop, sock), spawn(write_loop, sock)
        wait(reader, writer)
        kill(reader)
        kill(writer)
        _M.connected = false
    end
    sock:close()
    if not stopping then
        timer_at(RETRY_SECONDS, run)
    end
end

-- Ends the connection for good: this nginx worker exits.
function _M.stop()
    stopping = true
    wakeup:post(1)
end

-- Begins; `table_of_handlers` maps message types to functions, and `connected` is called after each (re)connection,
-- `usage` for what each beat reports of the function workers; `flush` sends what was counted since the last beat.
function _M.start(socket_path, table_of_handlers)
    path, handlers = socket_path, table_of_handlers
    wakeup = semaphore.new(0)
    timer_at(0, run)
end

return _M
