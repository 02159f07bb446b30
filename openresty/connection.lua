-- One multiplexed FNP/1 connection from this nginx worker to one function worker. A timer coroutine owns the socket, with a
-- reader and a writer light thread; requests append frames to `out` and post the writer's semaphore once per burst, so that
-- concurrent requests share system calls. Answers wake the request that waits on the stream's own semaphore.

local cjson = require "cjson.safe"
local semaphore = require "ngx.semaphore"
local clear = require "table.clear"
local protocol = require "openresty.protocol"

local timer_at, thread_spawn, thread_wait, thread_kill = ngx.timer.at, ngx.thread.spawn, ngx.thread.wait, ngx.thread.kill
local tcp, now = ngx.socket.tcp, ngx.now
local log, ERR, WARN = ngx.log, ngx.ERR, ngx.WARN
local byte, sub, concat = string.byte, string.sub, table.concat
local frame_header, read_u32, u32 = protocol.frame_header, protocol.read_u32, protocol.u32

local HELLO, BODY, END, RESPONSE, ERROR = protocol.HELLO, protocol.BODY, protocol.END, protocol.RESPONSE, protocol.ERROR
local WINDOW, PING, PONG, START = protocol.WINDOW, protocol.PING, protocol.PONG, protocol.START
local CANCEL = protocol.CANCEL
local MAX_PAYLOAD_BYTES, MAX_BODY_BYTES = protocol.MAX_PAYLOAD_BYTES, protocol.MAX_BODY_BYTES
local FOR_GATEWAY = { [HELLO] = true, [BODY] = true, [END] = true, [RESPONSE] = true, [ERROR] = true, [WINDOW] = true,
    [PING] = true, [PONG] = true, [START] = true }
local KNOWN_TYPES = 16

local CONNECT_TIMEOUT_MS = 1000
local NEVER_MS = 2147483647    -- deadlines belong to requests; an idle connection is no fault
local READ_BYTES = 65536
local MAX_STREAM_ID = 2147483647
local WRITER_IDLE_SECONDS = 60

local _M = {}
local mt = { __index = _M }

-- Ends the waiting of the request that owns a stream, if it waits.
local function wake(stream)
    if stream.waiting then
        stream.waiting = false
        stream.sem:post(1)
    end
end

-- The worker holds no slot for this stream any more.
local function close_stream(self, stream)
    self.streams[stream.id] = nil
    self.open_streams = self.open_streams - 1
    stream.closed = true
    self.on_closed(self, stream)
    wake(stream)
    if self.retired and self.open_streams == 0 then
        self:close()
    end
end

local on_frame = {}

on_frame[RESPONSE] = function(self, stream, data, from, to)
    local length = to - from + 1
    if length < 4 then
        return "RESPONSE of " .. length .. " bytes"
    end
    local head_length = read_u32(data, from)
    if head_length > length - 4 or length - 4 - head_length > MAX_BODY_BYTES then
        return "RESPONSE head of " .. head_length .. " bytes in a payload of " .. length
    end
    if not stream or stream.cancelled then
        if stream then close_stream(self, stream) end
        return
    end
    if stream.head then
        return "second RESPONSE on stream " .. stream.id
    end
    local body_from = from + 4 + head_length
    local head = sub(data, from + 4, body_from - 1)
    stream.head, stream.body = head, sub(data, body_from, to)
    local parsed, why = self.parse_head(head)
    if not parsed then
        return why
    end
    stream.answer = parsed
    stream.received = #stream.body
    if parsed.complete then
        close_stream(self, stream)
    else
        wake(stream)
    end
end

on_frame[BODY] = function(self, stream, data, from, to)
    local length = to - from + 1
    if length > MAX_BODY_BYTES then
        return "BODY of " .. length .. " bytes"
    end
    if not stream or stream.cancelled then
        return
    end
    if not stream.head then
        return "BODY before RESPONSE on stream " .. stream.id
    end
    stream.received = stream.received + length
    if stream.received > MAX_BODY_BYTES then
        return "BODY beyond the credit of stream " .. stream.id
    end
    local chunks = stream.chunks
    if not chunks then
        chunks = {}
        stream.chunks = chunks
    end
    chunks[#chunks + 1] = sub(data, from, to)
    wake(stream)
end

on_frame[END] = function(self, stream)
    if stream then
        if not stream.head and not stream.cancelled then
            return "END before RESPONSE on stream " .. stream.id
        end
        stream.ended = true
        close_stream(self, stream)
    end
end

on_frame[ERROR] = function(self, stream, data, from, to)
    local failure = cjson.decode(sub(data, from, to))
    if type(failure) ~= "table" or type(failure.kind) ~= "string" then
        return "ERROR without a kind"
    end
    if stream then
        stream.failure = failure
        close_stream(self, stream)
    end
end

on_frame[START] = function(_, stream)
    if stream and not stream.begun then
        stream.begun, stream.begun_at = true, now()
        wake(stream)
    end
end

on_frame[WINDOW] = function(_, stream, data, from, to)
    if to - from ~= 3 then
        return "WINDOW of " .. (to - from + 1) .. " bytes"
    end
    if stream then
        stream.credit = stream.credit + read_u32(data, from)
        wake(stream)
    end
end

on_frame[HELLO] = function(self, _, data, from, to)
    local hello = cjson.decode(sub(data, from, to))
    if type(hello) ~= "table" or hello.protocol ~= 1 or hello.head ~= "raw" then
        return "HELLO of another protocol"
    end
end

on_frame[PING] = function(self, _, data, from, to)
    self:send2(frame_header(to - from + 1, PONG, 0), sub(data, from, to))
end

on_frame[PONG] = function() end

-- Handles the whole frames in `data` from `position`; returns the position of the first incomplete one, or nil and why.
local function handle_frames(self, data, position)
    local size = #data
    local streams = self.streams
    while size - position >= 8 do
        local a, b, c, d, kind, e, f, g, h = byte(data, position, position + 8)
        local length = a * 16777216 + b * 65536 + c * 256 + d
        if length > MAX_PAYLOAD_BYTES then
            return nil, "payload of " .. length .. " bytes, limit " .. MAX_PAYLOAD_BYTES
        end
        local last = position + 8 + length
        if last > size then
            break
        end
        local handler = on_frame[kind]
        if handler then
            local broken = handler(self, streams[e * 16777216 + f * 65536 + g * 256 + h], data, position + 9, last)
            if broken then
                return nil, broken
            end
        elseif kind >= 1 and kind <= KNOWN_TYPES and not FOR_GATEWAY[kind] then
            return nil, "frame of type " .. kind .. " from a worker"
        end
        position = last + 1
    end
    return position
end

-- Bytes still missing of the frame that begins at `position`; its header may be incomplete too.
local function missing_bytes(data, position)
    local have = #data - position + 1
    if have < 9 then
        return 9 - have
    end
    return 9 + read_u32(data, position) - have
end

local function read_loop(self, sock)
    local rest, parts, missing = "", nil, 0
    while true do
        local data, err = sock:receiveany(READ_BYTES)
        if data then
            if parts then                     -- a frame larger than one read: join once, when it is whole
                parts[#parts + 1] = data
                missing = missing - #data
                if missing <= 0 then
                    data, parts = concat(parts), nil
                end
            elseif rest ~= "" then
                data = rest .. data
            end
            if not parts then
                local position, broken = handle_frames(self, data, 1)
                if not position then
                    return broken
                end
                rest = position > #data and "" or sub(data, position)
                if #rest >= 9 then
                    missing = missing_bytes(rest, 1)
                    parts, rest = { rest }, ""
                end
            end
        elseif err ~= "timeout" then
            return nil
        end
    end
end

local function write_loop(self, sock)
    local wakeup = self.wakeup
    while true do
        if wakeup:wait(WRITER_IDLE_SECONDS) then
            local out = self.out
            self.out, self.spare_out = self.spare_out, out
            self.out_n, self.awake = 0, false
            if #out > 0 then
                local ok, err = sock:send(out)
                clear(out)
                if not ok then
                    return err
                end
            end
            if self.closing then
                return nil
            end
        end
    end
end

-- Gives every open stream up: one that had not begun may move to another worker, the others answer 502 (F104).
local function lose_streams(self)
    for _, stream in pairs(self.streams) do
        self.streams[stream.id] = nil
        stream.lost, stream.closed, stream.unsent = true, true, not self.connected
        self.on_closed(self, stream)
        wake(stream)
    end
    self.open_streams = 0
end

local function run(premature, self)
    local broken
    if not premature then
        local sock = tcp()
        sock:settimeouts(CONNECT_TIMEOUT_MS, NEVER_MS, NEVER_MS)
        local ok, err = sock:connect("unix:" .. self.address.socket)
        if ok then
            self.connected = true
            local reader = thread_spawn(read_loop, self, sock)
            local writer = thread_spawn(write_loop, self, sock)
            ok, broken = thread_wait(reader, writer)
            thread_kill(reader)
            thread_kill(writer)
            sock:close()
            if not ok then
                log(ERR, "connection to worker ", self.address.pid, ": ", broken)
            end
        else
            log(WARN, "cannot connect to worker ", self.address.pid, ": ", err)
        end
    end
    self.dead = true
    if broken then
        log(ERR, "protocol error of worker ", self.address.pid, " (", self.address.socket, "): ", broken)
    end
    lose_streams(self)
    self.on_end(self)
end

-- Opens a connection to the worker at `address` {pid, socket}. Frames may be sent at once; they leave when it stands.
-- `hooks.parse_head(head)` turns a response head into an answer (`complete` when no frames follow) or nil and why;
-- `hooks.on_closed(connection, stream)` is called once for each stream when its slot is free; `hooks.on_end(connection)` once.
function _M.open(address, hooks)
    local self = setmetatable({
        address = address, parse_head = hooks.parse_head, on_closed = hooks.on_closed, on_end = hooks.on_end,
        streams = {}, open_streams = 0, served = 0, last_id = 0,
        out = {}, spare_out = {}, out_n = 0, awake = false, wakeup = semaphore.new(0),
        connected = false, dead = false, retired = false, closing = false,
    }, mt)
    local ok, err = timer_at(0, run, self)
    if not ok then
        log(ERR, "cannot start a connection timer: ", err)
        self.dead = true
    end
    return self
end

local function wake_writer(self)
    if not self.awake then
        self.awake = true
        self.wakeup:post(1)
    end
end

-- Appends two strings to what the writer sends next.
function _M.send2(self, a, b)
    local out, n = self.out, self.out_n
    out[n + 1], out[n + 2] = a, b
    self.out_n = n + 2
    wake_writer(self)
end

-- Registers a stream and returns its id; the caller sends REQUEST in the same turn.
function _M.open_stream(self, stream)
    local id = self.last_id
    repeat
        id = id >= MAX_STREAM_ID and 1 or id + 1
    until not self.streams[id]
    self.last_id = id
    self.streams[id] = stream
    self.open_streams = self.open_streams + 1
    self.served = self.served + 1
    stream.id, stream.connection, stream.credit = id, self, MAX_BODY_BYTES
    return id
end

-- Sends REQUEST: its header, the five pieces of its head (event_head.lua), the body. Written out, since a loop here would keep
-- the compiler from taking the whole way of a request in one trace.
function _M.send_request(self, header, id, stamp, address, tail, raw, body)
    local out, n = self.out, self.out_n
    out[n + 1], out[n + 2], out[n + 3], out[n + 4], out[n + 5], out[n + 6] = header, id, stamp, address, tail, raw
    if body then
        out[n + 7] = body
        self.out_n = n + 7
    else
        self.out_n = n + 6
    end
    wake_writer(self)
end

function _M.send_body(self, stream, data)
    stream.credit = stream.credit - #data
    self:send2(frame_header(#data, BODY, stream.id), data)
end

function _M.send_end(self, stream)
    self:send2(frame_header(0, END, stream.id), "")
end

-- Gives credit for `bytes` that have left for the client.
function _M.send_window(self, stream, bytes)
    stream.received = stream.received - bytes
    self:send2(frame_header(4, WINDOW, stream.id), u32(bytes))
end

-- The request is over for its client; the worker closes the stream once it holds no slot.
function _M.cancel(self, stream)
    if not stream.closed and not stream.cancelled then
        stream.cancelled = true
        self:send2(frame_header(0, CANCEL, stream.id), "")
    end
end

-- No new streams; ends when the last one has closed.
function _M.retire(self)
    self.retired = true
    if self.open_streams == 0 then
        self:close()
    end
end

function _M.close(self)
    self.closing = true
    wake_writer(self)
end

return _M
