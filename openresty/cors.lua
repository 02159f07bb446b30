-- Which other origins' pages may read a function's answers (F142, F143). Functions without `cors` never come here.

local functions = require "openresty.functions"
local path = require "openresty.path"
local route_table = require "openresty.route_table"
local router = require "openresty.router"

local var, header = ngx.var, ngx.header
local lower, sub, find, gmatch = string.lower, string.sub, string.find, string.gmatch
local concat, ipairs, type = table.concat, ipairs, type

local PREFLIGHT_VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
local HEADER_LIST = "^[%w!#$%%&'*+.^_`|~,\t -]*$"    -- RFC 9110 5.6.1: tokens between commas
local SUBDOMAINS = "^[%w_-][%w_.-]*$"

local _M = {}

-- The value of Access-Control-Allow-Origin, nil for an origin that may not read.
local function allowed_origin(cors, origin)
    if cors.any then
        return "*"
    end
    local folded = lower(origin)
    if cors.origins[folded] then
        return origin
    end
    for _, pattern in ipairs(cors.patterns) do
        local prefix, suffix = pattern.prefix, pattern.suffix
        if #folded > #prefix + #suffix and sub(folded, 1, #prefix) == prefix and sub(folded, -#suffix) == suffix
            and find(sub(folded, #prefix + 1, -#suffix - 1), SUBDOMAINS) then
            return origin
        end
    end
    return nil
end

local function set_origin(cors, allowed)
    header["Access-Control-Allow-Origin"] = allowed
    if cors.credentials then
        header["Access-Control-Allow-Credentials"] = "true"
    end
end

-- Sets what every answer of the function carries, the gateway's own among them.
function _M.begin(cors)
    header["Vary"] = "Origin"
    local origin = var.http_origin
    local allowed = origin and allowed_origin(cors, origin)
    if allowed then
        set_origin(cors, allowed)
        if cors.expose then
            header["Access-Control-Expose-Headers"] = cors.expose
        end
    end
end

-- Called when the handler's headers are set: its own word on who may read stands alone, so that nothing of ours widens it.
function _M.finish(answer)
    if answer.allows_origin then
        for _, name in ipairs({ "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers" }) do
            local is_own = false
            for i = 1, answer.n do
                is_own = is_own or lower(answer.names[i]) == lower(name)
            end
            if not is_own then
                header[name] = nil
            end
        end
    end
    if answer.varies then
        local given = header["Vary"]
        if type(given) == "table" then
            given = concat(given, ", ")
        end
        header["Vary"] = given .. ", Origin"
    end
end

local function includes(list, name)
    for _, entry in ipairs(list) do
        if entry == name then
            return true
        end
    end
    return false
end

local function headers_allowed(cors, asked)
    if not find(asked, HEADER_LIST) then
        return false
    end
    if cors.headers then
        for name in gmatch(lower(asked), "[^,%s]+") do
            if not includes(cors.headers, name) then
                return false
            end
        end
    end
    return true
end

-- CORS headers of a preflight for a route that takes the method; none unless origin, method and headers are allowed.
local function set_preflight(cors, entry, method)
    local allowed = allowed_origin(cors, var.http_origin)
    local asked = var.http_access_control_request_headers or ""
    if not allowed or (cors.methods and not includes(cors.methods, method)) or not headers_allowed(cors, asked) then
        return
    end
    set_origin(cors, allowed)
    header["Access-Control-Allow-Methods"] = cors.methods and concat(cors.methods, ", ") or router.allow_header(entry.methods)
    if asked ~= "" then
        header["Access-Control-Allow-Headers"] = cors.headers and concat(cors.headers, ", ") or asked
    end
    header["Access-Control-Max-Age"] = cors.max_age
end

local function match(method, normal, segments, n)
    local entry, _, search = route_table.router:match(method, normal, segments, n, var.http_host)
    local fn = entry and entry.target and functions.get(entry.target)
    return fn and fn.record.cors, entry, search
end

-- Answers an OPTIONS request if it is a preflight (F143) for a function with a policy, and returns otherwise. The policy is that of
-- the function that would answer the request it asks for; else of the one that handles OPTIONS.
function _M.preflight(uri, id)
    local method = var.http_access_control_request_method
    if not method or not var.http_origin then
        return
    end
    local segments, n, normal = path.normalise((path.of_target(uri)))
    if not segments or path.is_platform(segments) then
        return
    end
    local cors, entry, search = match(method, normal, segments, n)
    local own, _, options_search = match("OPTIONS", normal, segments, n)
    if not cors and not (own and not entry) then
        return
    end
    for name in pairs(options_search.allowed) do
        search.allowed[name] = true    -- a search ends with the first entry that takes its method
    end
    ngx.status = 204
    header["Vary"] = PREFLIGHT_VARY
    if cors then
        set_preflight(cors, entry, method)
    end
    header["Allow"], header["X-Request-Id"] = router.allow_header(search.allowed), id
    return ngx.exit(204)
end

return _M
