-- What this nginx worker knows of each function: its record from the route table, its workers, its running requests.

local counters = require "openresty.counters"
local connection = require "openresty.connection"
local link = require "openresty.link"
local semaphore = require "ngx.semaphore"

local now = ngx.now
local ipairs, pairs, tostring = ipairs, pairs, tostring

local OUTSTANDING_BEFORE_GROWTH = 8    -- P109
local SHORT_QUEUE_MS = 4               -- a queue that is worked off so soon needs no other worker
local UNKNOWN_COST_MS = 1000           -- before the first answer every handler counts as slow
local COST_WEIGHT = 0.125              -- of the newest request in the estimate
local ASK_AGAIN_SECONDS = 0.05         -- a burst asks the supervisor once, not once per request

local _M = {}
local registry = {}
local connections = {}    -- worker pid -> this nginx worker's connection to it
local hooks    -- what connections call back; set once by dispatch

function _M.set_hooks(table_of_hooks)
    hooks = table_of_hooks
end

local function wake_waiters(fn)
    local waiters = fn.waiters
    fn.waiters = {}
    for _, sem in ipairs(waiters) do
        sem:post(1)
    end
end

-- A worker as this nginx worker sees it: the connection is opened by the first request that needs it.
local function new_worker(fn, address)
    local total, share = counters.keys("w:" .. address.socket)
    return { fn = fn, address = address, total = total, share = share }
end

-- A worker whose slots can never run out before the function's own limit needs no count of its own (Node by default).
local function is_counted(fn, worker)
    return fn.admitted == 0 or worker.concurrency < fn.admitted
end

local function set_workers(fn, addresses, failure)
    local known = {}
    for _, worker in ipairs(fn.workers) do
        known[worker.address.socket] = worker
    end
    local workers = {}
    for i, address in ipairs(addresses) do
        local worker = known[address.socket] or new_worker(fn, address)
        known[address.socket] = nil
        worker.concurrency, worker.index = address.concurrency, address.index
        worker.counted = is_counted(fn, worker)
        workers[i] = worker
    end
    fn.workers, fn.failure = workers, failure
    fn.asked_at = 0
    for _, worker in pairs(known) do
        if worker.connection then
            worker.connection:retire()
        end
    end
    if #workers > 0 or failure then
        wake_waiters(fn)
    end
end

local function new_function(key)
    local total, share = counters.keys("f:" .. key)
    return { key = key, total = total, share = share, workers = {}, waiters = {}, asked_at = 0, announced = {} }
end

-- Takes a record of the route table (F119-F123 resolved by the supervisor).
function _M.set_record(key, record)
    local fn = registry[key]
    if not fn then
        fn = new_function(key)
        registry[key] = fn
    end
    local former = fn.record
    fn.record = record
    fn.admitted = record.admitted
    fn.boot_timeout = record.boot_timeout_ms / 1000
    fn.timeout = record.timeout_ms / 1000
    fn.queue_timeout = record.queue_timeout_ms / 1000
    if not former or former.revision ~= record.revision then
        local announced = fn.announced[record.revision]
        fn.announced, fn.cost = {}, nil
        set_workers(fn, announced and announced.workers or {}, announced and announced.failure)
        fn.lua = nil
    else
        for _, worker in ipairs(fn.workers) do
            worker.counted = is_counted(fn, worker)
        end
    end
    return fn
end

function _M.remove(key)
    local fn = registry[key]
    if fn then
        registry[key] = nil
        counters.unmark(key)
        set_workers(fn, {}, { status = 404, error = "not found" })
    end
end

function _M.get(key)
    return registry[key]
end

function _M.keys()
    local keys = {}
    for key in pairs(registry) do
        keys[key] = true
    end
    return keys
end

-- The supervisor's word on the workers of one revision, which may come before the table that names it.
function _M.announce(key, revision, addresses, failure)
    local fn = registry[key]
    if not fn then
        fn = new_function(key)
        registry[key] = fn
    end
    if fn.record and fn.record.revision == revision then
        set_workers(fn, addresses, failure)
    else
        fn.announced[revision] = { workers = addresses, failure = failure }
    end
end

-- Asks the supervisor for a worker, or one more.
function _M.need(fn)
    local time = now()
    if time - fn.asked_at >= ASK_AGAIN_SECONDS then
        fn.asked_at = time
        link.send({ type = "need", ["function"] = fn.key, revision = fn.record.revision })
    end
end

-- Waits until the function has a worker or is known to fail; false after `seconds`.
function _M.wait_for_worker(fn, seconds)
    local deadline = now() + seconds
    while #fn.workers == 0 and not fn.failure do
        local left = deadline - now()
        if left <= 0 then
            return false
        end
        _M.need(fn)
        local sem = semaphore.new(0)
        fn.waiters[#fn.waiters + 1] = sem
        sem:wait(left < 1 and left or 1)
    end
    return true
end

local function outstanding(worker)
    if worker.counted then
        return counters.get(worker.total)
    end
    local open = worker.connection
    return open and open.open_streams or 0
end

-- Keeps an estimate of what one request costs a worker: the milliseconds it took, shared by those that were open with it.
function _M.observe(fn, milliseconds, open)
    local cost = milliseconds / open
    fn.cost = fn.cost and fn.cost + (cost - fn.cost) * COST_WEIGHT or cost
end

-- The worker for the next request: the first that would be through with what it has in no time, else the one with the fewest
-- outstanding requests (P109). Short handlers thus stay on few workers, where concurrent requests share system calls (four
-- Python workers spend half as much again on the same requests as one), and slow ones spread; idle workers can be reaped.
function _M.choose(fn)
    local workers = fn.workers
    local cost = fn.cost or UNKNOWN_COST_MS
    local best, least
    for i = 1, #workers do
        local worker = workers[i]
        local load = outstanding(worker)
        if load * cost < SHORT_QUEUE_MS then
            return worker
        end
        if not best or load < least then
            best, least = worker, load
        end
    end
    if best and (least > OUTSTANDING_BEFORE_GROWTH or best.concurrency == 1) then
        _M.need(fn)
    end
    return best
end

-- The open connection to a worker.
function _M.connect(worker)
    local open = worker.connection
    if not open or open.dead then
        open = connection.open(worker.address, hooks)
        open.worker = worker
        worker.connection = open
        connections[worker.address.pid] = open
    end
    return open
end

-- What this nginx worker has open with each function worker, and has sent it in all, where that changed since the last call:
-- { [pid] = {open, served} }. The pool judges idleness, recycling and stuck workers by it.
function _M.usage()
    local changed
    for pid, open in pairs(connections) do
        if open.served ~= open.reported_served or open.open_streams ~= open.reported_open then
            open.reported_served, open.reported_open = open.served, open.open_streams
            changed = changed or {}
            changed[tostring(pid)] = { open.open_streams, open.served }
        end
        if open.dead then
            connections[pid] = nil
        end
    end
    return changed
end

-- Of a function's requests, those that wait for a worker or a slot.
local function waiting(fn, running)
    if fn.record.runtime == "lua" then
        local slots = fn.record.slots
        return slots > 0 and running > slots and running - slots or 0
    end
    if #fn.workers == 0 then
        return running
    end
    local count = 0
    for _, worker in ipairs(fn.workers) do
        local beyond = worker.counted and counters.get(worker.total) - worker.concurrency or 0
        if beyond > 0 then
            count = count + beyond
        end
    end
    return count
end

-- A request of this function found no place (`overflow`) or waited too long for one (`timeout`).
function _M.count_drop(fn, why)
    counters.tally(why .. ":" .. fn.key)
end

-- What functions are handling now, in all nginx workers, by function where there is anything to say: { active, queued, overflow,
-- timeout }; and the requests in flight and waiting of all of them (P207, P217).
function _M.load()
    local by_function, in_flight, queued = {}, 0, 0
    for key, fn in pairs(registry) do
        local running = fn.record and counters.get(fn.total) or 0
        local is_pooled = fn.record and fn.record.pooled
        if running > 0 or is_pooled then
            local waits = running > 0 and waiting(fn, running) or 0
            in_flight, queued = in_flight + running, queued + waits
            by_function[key] = { active = running - waits, queued = waits, overflow = counters.tallied("overflow:" .. key),
                timeout = counters.tallied("timeout:" .. key) }
        end
    end
    return by_function, in_flight, queued
end

-- This nginx worker is about to exit: each connection ends with its last stream.
function _M.close_connections()
    for _, open in pairs(connections) do
        open:retire()
    end
end

-- Forgets a worker whose connection ended; the supervisor's next announcement decides what follows.
function _M.drop_worker(worker)
    local workers = worker.fn.workers
    for i = 1, #workers do
        if workers[i] == worker then
            table.remove(workers, i)
            return
        end
    end
end

return _M
