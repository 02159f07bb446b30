-- The private Unix listener: what the supervisor pushes and asks.

local cjson = require "cjson.safe"
local route_table = require "openresty.route_table"
local lua_functions = require "openresty.lua_functions"
local functions = require "openresty.functions"

local req, header, var = ngx.req, ngx.header, ngx.var

local _M = {}

local function body()
    req.read_body()
    local data = req.get_body_data()
    if data then
        return data
    end
    local path = req.get_body_file()
    if not path then
        return ""
    end
    local file = io.open(path, "rb")
    data = file:read("*a")
    file:close()
    return data
end

local function send(status, document)
    ngx.status = status
    header["Content-Type"] = "application/json"
    ngx.print(cjson.encode(document))
end

-- POST /table: a route table document.
function _M.table()
    local ok, why = route_table.store(body())
    if not ok then
        return send(409, { error = why, version = ngx.shared.fn_table:get("version") })
    end
    route_table.sync()
    return send(200, { version = route_table.version })
end

-- POST /lua/check: {lua, env}; does this code load?
function _M.check_lua()
    return send(200, lua_functions.check(cjson.decode(body())))
end

-- POST /load: what is going on now (P217). Connections are counted without the one that asks, and left out where nginx was
-- built without its status module.
function _M.load()
    local by_function, in_flight, queued = functions.load()
    local active = tonumber(var.connections_active)
    return send(200, {
        in_flight = in_flight,
        queued = queued,
        functions = next(by_function) and by_function or nil,
        connections = active and {
            active = active - 1,
            reading = tonumber(var.connections_reading),
            writing = tonumber(var.connections_writing) - 1,
            waiting = tonumber(var.connections_waiting),
        },
    })
end

return _M
