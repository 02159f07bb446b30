-- What nginx calls: once at start, once in each worker, and the private listener's addresses.

local cjson = require "cjson.safe"

local _M = {}

-- init_by_lua: code shared by all nginx workers is loaded before they fork. `loopback_peer` is the address that loopback clients
-- appear with where the port is published from outside (P66).
function _M.init(loopback_peer)
    require "resty.core"
    -- Functions share the string metatable with us; hidden, it cannot be changed from a sandbox (F114).
    getmetatable("").__metatable = false
    for _, name in ipairs({ "gateway", "route_table", "lua_functions", "platform", "private", "invocation" }) do
        require("openresty." .. name)
    end
    require("openresty.origin").set_loopback_peer(loopback_peer)
end

-- init_worker_by_lua.
function _M.init_worker(supervisor_socket)
    local counters = require "openresty.counters"
    local route_table = require "openresty.route_table"
    local functions = require "openresty.functions"
    local platform = require "openresty.platform"
    local link = require "openresty.link"
    local auth = require "openresty.auth"
    local metrics = require "openresty.metrics"
    -- The route table is most of the heap and never garbage: marking all of it is put off until the rest has grown as large twice.
    collectgarbage("setpause", 300)
    counters.drop_share()
    require("openresty.request_id").init()
    _M.on_exit(function()
        functions.close_connections()
        link.stop()
    end)
    link.start(supervisor_socket, {
        connected = function()
            route_table.sync()
            link.send({ type = "acked", version = route_table.version })
            auth.ask_again()
        end,
        verdict = auth.verdict,
        workers = function(message)
            local failure = message.failure
            functions.announce(message["function"], message.revision, message.workers, failure ~= cjson.null and failure or nil)
        end,
        table = function() route_table.sync() end,
        usage = functions.usage,
        flush = function(message)
            metrics.flush()
            if message then
                link.send({ type = "flushed", turn = message.turn })
            end
        end,
        drain = function() platform.draining = true end,
    })
end

-- nginx waits for its workers' timers and sockets when it drains, and ours never end by themselves: a timer that would fire in a
-- year is called early when the worker begins to exit.
function _M.on_exit(callback)
    ngx.timer.at(31536000, callback)
end

return _M
