-- The environment of a Lua function (F114): its own globals and library copies, text chunks only, `require` of a short list and
-- of its own modules. No io, ffi, debug, package.loadlib, os.execute, dofile, loadfile.

local json = require "openresty.json"
local deadline = require "openresty.lua_deadline"

local concat, sub, gsub, find = table.concat, string.sub, string.gsub, string.find
local pairs, select, tostring, type, setfenv, loadstring, setmetatable = pairs, select, tostring, type, setfenv, loadstring, setmetatable
local error, getmetatable, pcall, require = error, getmetatable, pcall, require
local open = io.open

local RESTY = { ["resty.sha1"] = true, ["resty.sha256"] = true, ["resty.md5"] = true, ["resty.string"] = true,
    ["resty.random"] = true, ["resty.aes"] = true }

local _M = {}

local function copy(library)
    local result = {}
    for name, value in pairs(library) do
        result[name] = value
    end
    return result
end

-- ngx_lua replaces the coroutine functions with scheduled ones, which would carry a deadline's error past our frame.
local function plain_coroutines()
    local library = {}
    for _, name in pairs({ "create", "resume", "yield", "status", "wrap" }) do
        library[name] = coroutine["__" .. name] or coroutine[name]
    end
    library.running, library.isyieldable = coroutine.running, coroutine.isyieldable
    return library
end

local function ngx_library()
    local names = { "now", "time", "encode_base64", "decode_base64", "md5", "sha1_bin", "hmac_sha1", "escape_uri", "unescape_uri",
        "re", "null" }
    local library = {}
    for _, name in pairs(names) do
        library[name] = ngx[name]
    end
    library.re = copy(ngx.re)
    library.sleep = deadline.sleep
    return library
end

-- Compiles text as a chunk of the function; bytecode is refused.
local function compile(text, name, env)
    if type(text) ~= "string" or sub(text, 1, 1) == "\27" then
        return nil, "only text chunks can be loaded"
    end
    local chunk, err = loadstring(text, name)
    if not chunk then
        return nil, err
    end
    jit.off(chunk, true)
    return setfenv(chunk, env)
end

local function read_file(path)
    local file = open(path, "rb")
    if not file then
        return nil
    end
    local text = file:read("*a")
    file:close()
    return text
end

-- Finds a module of the function: sent along with the route table, else on disk. Returns source and file.
local function find_module(code, name)
    local known = code.modules[name]
    if known then
        return known.source, known.file
    end
    if not find(name, "^[%w_.-]+$") or find(name, "..", 1, true) then
        return nil
    end
    local relative = gsub(name, "%.", "/")
    local folders = { code.entry_dir, code.dir }
    if sub(name, 1, 1) == "_" then
        folders[3] = code.root
    end
    for _, folder in pairs(folders) do
        for _, ending in pairs({ ".lua", "/init.lua" }) do
            local path = folder .. "/" .. relative .. ending
            local source = read_file(path)
            if source then
                return source, path
            end
        end
    end
end

local function make_require(code, env, files)
    local loaded = { cjson = json.library(false), ["cjson.safe"] = json.library(true) }
    return function(name)
        if loaded[name] ~= nil then
            return loaded[name]
        end
        if RESTY[name] then
            local ok, module = pcall(require, name)
            if ok then
                return module
            end
            error("module '" .. name .. "' is not installed on this host", 2)
        end
        local source, file = find_module(code, tostring(name))
        if not source then
            error("module '" .. tostring(name) .. "' not found", 2)
        end
        files[#files + 1] = file
        local chunk, err = compile(source, "@" .. file, env)
        if not chunk then
            error(err, 0)
        end
        local result = chunk(name)
        loaded[name] = result == nil and true or result
        return loaded[name]
    end
end

local function make_os(function_env)
    local allowed = { TZ = true, LANG = true }
    return {
        time = os.time, date = os.date, clock = os.clock, difftime = os.difftime,
        getenv = function(name)
            local value = function_env[name]
            if value ~= nil then
                return value
            end
            return allowed[name] and os.getenv(name) or nil
        end,
    }
end

-- Makes the environment of one function. `code` is the table record's lua part; `write_line(text)` takes what it prints.
function _M.new(code, function_env, write_line, files)
    local env = {
        assert = assert, error = error, ipairs = ipairs, next = next, pairs = pairs, pcall = pcall, xpcall = xpcall,
        rawequal = rawequal, rawget = rawget, rawset = rawset, rawlen = rawlen, select = select, tonumber = tonumber,
        tostring = tostring, type = type, unpack = unpack, setmetatable = setmetatable, _VERSION = _VERSION,
        getmetatable = getmetatable, coroutine = plain_coroutines(), string = copy(string), table = copy(table), math = copy(math),
        bit = copy(require "bit"), json = json.library(true), cjson = json.library(true), os = make_os(function_env),
        ngx = ngx_library(),
    }
    env.string.dump = nil
    env.table.unpack = unpack
    env._G = env
    env.print = function(...)
        local parts = {}
        for i = 1, select("#", ...) do
            parts[i] = tostring((select(i, ...)))
        end
        write_line(concat(parts, "\t"))
    end
    env.load = function(text, name, _, chunk_env)
        if type(text) == "function" then
            local parts = {}
            for part in text do
                if part == "" then break end
                parts[#parts + 1] = part
            end
            text = concat(parts)
        end
        return compile(text, name or "=(load)", chunk_env or env)
    end
    env.loadstring = env.load
    env.require = make_require(code, env, files)
    return env
end

-- Loads a function's entry; returns the callable, or nil, a short text and the reason.
function _M.load(code, function_env, write_line, files, seconds)
    local env = _M.new(code, function_env, write_line, files)
    files[1] = code.entry
    local chunk, err = compile(code.source, "@" .. code.file, env)
    if not chunk then
        return nil, "handler error", err
    end
    local ok, returned = deadline.run(seconds, chunk)
    if not ok then
        return nil, "handler error", tostring(returned)
    end
    if type(returned) == "function" then
        return returned
    end
    local names = code.handler == "handler" and { "handler", "main" } or { code.handler }
    for _, place in pairs({ type(returned) == "table" and returned or false, env }) do
        for _, name in ipairs(names) do
            if place and type(rawget(place, name)) == "function" then
                return place[name]
            end
        end
    end
    return nil, "handler not found", code.file .. " defines none of: " .. concat(names, ", ")
end

return _M
