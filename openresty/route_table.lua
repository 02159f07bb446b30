-- The route table as this nginx worker has it. The supervisor POSTs documents to the private listener: a whole table (`base`) or
-- the changed records since the version before. Documents are immutable values in a shared dict; the version is written last, so
-- every request that starts afterwards sees it, in any nginx worker, and none sees half of it.
--
-- A document: { version, base = bool, settings?, functions = {key = record | null}, routes = {pattern = entries | null} }.

local cjson = require "cjson.safe"
local router = require "openresty.router"
local functions = require "openresty.functions"
local link = require "openresty.link"

local dict = ngx.shared.fn_table
local log, ERR = ngx.log, ngx.ERR
local null = cjson.null

local _M = { version = 0, text = "0", router = router.new(), settings = {} }
local listeners = {}

-- Calls `listener()` after each change of the table (caches are cleared there).
function _M.on_change(listener)
    listeners[#listeners + 1] = listener
end

local function apply(document)
    if document.base then
        local stale = functions.keys()
        for key in pairs(document.functions) do
            stale[key] = nil
        end
        for key in pairs(stale) do
            functions.remove(key)
        end
        _M.router = router.new()
        _M.settings = document.settings
    end
    for key, record in pairs(document.functions) do
        if record == null then
            functions.remove(key)
        else
            functions.set_record(key, record)
        end
    end
    for pattern, entries in pairs(document.routes) do
        _M.router:set(pattern, entries ~= null and entries or nil)
    end
end

-- Brings this nginx worker to the version in the shared dict.
local function catch_up()
    local target = dict:get("version")
    local base = dict:get("base")
    local from = _M.version
    if from < base then
        from = base - 1
    end
    for version = from + 1, target do
        local text = dict:get("document:" .. version)
        local document = text and cjson.decode(text)
        if not document then
            log(ERR, "route table document ", version, " is missing or broken")
            return
        end
        apply(document)
    end
    _M.version, _M.text = target, tostring(target)
    for _, listener in ipairs(listeners) do
        listener()
    end
    link.send({ type = "acked", version = target })
end

-- Called at the start of every request: one look at an integer.
function _M.sync()
    if dict:get("version") ~= _M.version then
        if dict:get("version") then
            catch_up()
        end
    end
end

-- Stores a document; returns nil and why when it does not follow the current version.
function _M.store(text)
    local document, err = cjson.decode(text)
    if not document then
        return nil, "not JSON: " .. err
    end
    local current = dict:get("version") or 0
    if not document.base and document.version ~= current + 1 then
        return nil, "version " .. document.version .. " does not follow " .. current
    end
    local ok, failure = dict:safe_set("document:" .. document.version, text)
    if not ok then
        return nil, failure
    end
    if document.base then
        dict:set("base", document.version)
    end
    dict:set("version", document.version)
    if document.base then
        for version = current, 1, -1 do
            if version ~= document.version then
                if not dict:get("document:" .. version) then
                    break
                end
                dict:delete("document:" .. version)
            end
        end
    end
    return true
end

return _M
