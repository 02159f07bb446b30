-- A request's way (F99): route, host, method, CORS preflight, rate limit, auth, body size, concurrency, worker, answer.

local path = require "openresty.path"
local route_table = require "openresty.route_table"
local router = require "openresty.router"
local functions = require "openresty.functions"
local dispatch = require "openresty.dispatch"
local live = require "openresty.live"
local redact = require "openresty.redact"
local respond = require "openresty.respond"
local request_body = require "openresty.request_body"
local request_head = require "openresty.request_head"
local request_id = require "openresty.request_id"
local rate_limit = require "openresty.rate_limit"
local auth = require "openresty.auth"
local cors = require "openresty.cors"
local event_head = require "openresty.event_head"
local lua_functions = require "openresty.lua_functions"
local platform = require "openresty.platform"
local errors = require "openresty.errors"
local origin = require "openresty.origin"
local metrics = require "openresty.metrics"

local var, req, header, log = ngx.var, ngx.req, ngx.header, ngx.log
local ERR = ngx.ERR
local get_method, raw_header, start_time = ngx.req.get_method, ngx.req.raw_header, ngx.req.start_time
local count, reject = metrics.count, metrics.reject
local client_address = origin.client
local floor, now = math.floor, ngx.now
local find, sub, gsub, match_string = string.find, string.sub, string.gsub, string.match

local MAX_CACHED_MATCHES = 2048
local MAX_CACHED_URI_BYTES = 512
local MIN_HEADER_LINE_BYTES = 4         -- "a:b\n": fewer bytes than this times the limit cannot exceed it
local INSTALLING_RETRY_SECONDS = 2
local LOOPBACK = "127.0.0.1"             -- where invocations come from (P214, P247)

local _M = {}

local matches, cached = {}, 0    -- method -> request target -> match; emptied by every table change

route_table.on_change(function()
    matches, cached = {}, 0
end)

local function remember(method, uri, match)
    if cached >= MAX_CACHED_MATCHES then
        matches, cached = {}, 0
    end
    if #uri <= MAX_CACHED_URI_BYTES then
        matches[method] = matches[method] or {}
        matches[method][uri] = match
        cached = cached + 1
    end
end

-- What answers this method and target: { fn, path, tail, params }, or nil when the request was answered here. An `invocation` may
-- name the function, and is served whatever its Host says.
local function find_match(method, uri, id, invocation)
    local raw = path.of_target(uri)
    local segments, n, normal = path.normalise(raw)
    if not segments then
        return errors.send(400, "bad request", id)
    end
    if not invocation and path.is_platform(segments) then
        return platform.handle(normal, raw, method, id)
    end
    if n > 0 and path.is_protected(segments[n]) then
        return errors.send(404, "not found", id)
    end
    local entry, params, search = route_table.router:match(method, normal, segments, n, var.http_host, invocation)
    if not entry then
        if search.seen then
            local allow = router.allow_header(search.allowed)
            if method == "OPTIONS" then
                ngx.status = 204
                header["Allow"], header["X-Request-Id"] = allow, id
                return ngx.exit(204)
            end
            return errors.send(405, "method not allowed", id, nil, { Allow = allow })
        end
        if search.host_refused then
            return errors.send(421, "host not allowed", id)
        end
        if platform.UNOWNED[normal] and not invocation then
            return platform.to_admin(normal, raw, id)
        end
        return errors.send(404, "not found", id)
    end
    if entry.conflict then
        return errors.send(409, "ambiguous function", id)
    end
    local fn = functions.get(entry.target)
    local tail_path = normal == raw and "" or normal
    local match = { fn = fn, path = normal, params = params, tail_path = tail_path,
        tail = event_head.tail(tail_path, "", params) }
    if not search.by_host and not invocation then
        remember(method, uri, match)
    end
    return match
end

-- 431 / 400 above the limits of F87; counting starts only where the size makes it possible.
local function check_counts(raw, uri, id)
    local settings = route_table.settings
    if #raw > settings.max_headers * MIN_HEADER_LINE_BYTES then
        local _, lines = gsub(raw, "\n", "")
        if lines - 2 > settings.max_headers then
            return errors.send(431, "request header fields too large", id)
        end
    end
    if #uri > settings.max_query_args then
        local query = find(uri, "?", 1, true)
        if query then
            local _, ampersands = gsub(sub(uri, query + 1), "&", "")
            if ampersands + 1 > settings.max_query_args then
                return errors.send(400, "bad request", id, { detail = "more than " .. settings.max_query_args .. " query arguments" })
            end
        end
    end
end

-- A function that cannot serve: installing, invalid configuration, runtime missing, code that does not load.
local function refuse(fn, id, failure, cold)
    local headers = {}
    reject("unavailable")
    if failure.retry_after or failure.status == 503 then
        headers["Retry-After"] = failure.retry_after or INSTALLING_RETRY_SECONDS
    end
    if failure.warming then
        headers["X-FastFN-Warming"] = "true"
    end
    respond.set_state(fn, failure.status, cold, false)
    local stack = origin.is_local() and redact.hide(failure.stack, fn.record.hidden) or nil
    return errors.send(failure.status, failure.error, id, { detail = failure.detail, stack = stack }, headers)
end

local function overflow(fn, id)
    local record = fn.record
    reject("overflow")
    functions.count_drop(fn, "overflow")
    respond.set_state(fn, 500, #fn.workers == 0 and not fn.lua, false)
    return errors.send(record.overflow_status, "worker pool overflow", id, nil, { ["Retry-After"] = 1 })
end

local function send_failure(fn, id, failure, cold)
    respond.set_state(fn, 500, cold, false)
    if failure.kind == "contract" then
        log(ERR, "invalid runtime response of ", fn.key, ": ", failure.message, ", request: ", id)
        return errors.send(502, "invalid runtime response", id, { detail = failure.message })
    end
    if failure.kind == "overload" then
        reject("overflow")
        return errors.send(503, "overloaded", id, nil, { ["Retry-After"] = 1 })
    end
    local stack = route_table.settings.dev_errors and origin.is_local() and redact.hide(failure.stack, fn.record.hidden) or nil
    return errors.send(500, failure.error or "handler error", id, { stack = stack })
end

-- What the client gets for each outcome of dispatch.run other than an answer.
local function send_outcome(outcome, fn, id, stream, cold)
    if outcome == "error" then
        return send_failure(fn, id, stream.failure, cold)
    elseif outcome == "deadline" then
        respond.set_state(fn, 504, cold, false)
        return errors.send(504, "runtime timeout", id)
    elseif outcome == "queue" then
        return respond.send_queue_timeout(fn, id)
    elseif outcome == "died" then
        respond.set_state(fn, 502, cold, false)
        return errors.send(502, "worker died", id)
    elseif outcome == "none" then
        return refuse(fn, id, fn.failure or { status = 503, error = "overloaded", retry_after = 1, warming = true }, cold)
    end
    return ngx.exit(ngx.HTTP_CLOSE)    -- the client's body broke off
end

-- `address` is the client's; an `invoked` request has its output captured and says in its answer whose handler made it.
local function call_worker(fn, tail, method, id, ms, stamp, raw, body, source, address, invoked)
    local cold = #fn.workers == 0
    local stream = dispatch.admit(fn)
    if not stream then
        return overflow(fn, id)
    end
    if cold then
        metrics.cold_start()
    end
    live.hold(stream)
    stream.captured = invoked
    local outcome = dispatch.run(fn, stream, id, stamp, address, tail, raw, body, source)
    if invoked and (outcome == "answer" or outcome == "error") then
        header["X-Fn-Handled"] = fn.key
    end
    if cold or stream.queued then
        var.fn_wait = floor((stream.begun_at or now()) * 1000 - ms + 0.5)
    end
    if outcome == "answer" and stream.closed and not stream.answer.complete and not stream.ended then
        outcome = stream.failure and "error" or "died"    -- it failed before anything of it was sent
    end
    if outcome ~= "answer" then
        live.drop()
        return send_outcome(outcome, fn, id, stream, cold)
    end
    local answer = stream.answer
    if answer.proxy then
        dispatch.abandon(stream)
        live.drop()
        return errors.send(502, "edge proxy disabled", id)
    end
    respond.send_head(answer, fn, id, ms, cold, stream.queued, stream.worker)
    if answer.complete then
        live.drop()
        respond.send_whole(answer, stream.body, method)
        return dispatch.recycle(stream)
    end
    respond.send_stream(stream, answer, method, fn.record.stream_idle_ms / 1000)
    live.drop()
end

-- Reads the body under the function's limit (F2: 413 before anything is read, for a chunked one while it is).
local function take_body(fn, id)
    local announced = request_body.announced_bytes()
    if announced == 0 then
        return nil
    end
    local limit = fn.record.max_body_bytes
    if announced then
        if announced > limit then
            reject("body_size")
            req.clear_header("Expect")    -- nginx would ask for the body with 100 Continue, only to discard it
            return errors.send(413, "payload too large", id)
        end
        return request_body.read(announced)
    end
    if var.fn_chunked == "" then
        return ngx.exec(platform.chunked_location(limit))    -- comes back here with nginx collecting the body
    end
    local body, source, size = request_body.read_chunked()
    if size > limit then
        reject("body_size")
        return errors.send(413, "payload too large", id)
    end
    return body, source
end

-- Takes a token of the function's rate limit (F144), or answers 429.
local function take_token(fn, limit, id, verdict)
    if var.fn_chunked ~= "" then
        return    -- the second turn of a chunked request, see take_body
    end
    local allowed, headers = rate_limit.check(fn.key, limit, verdict)
    if not allowed then
        reject("rate_limit")
        return errors.send(429, "rate limit exceeded", id, nil, headers)
    end
    for name, value in pairs(headers) do
        header[name] = value
    end
end

-- The content handler of every public request.
function _M.handle()
    route_table.sync()
    local raw = request_head.checked(raw_header())
    local method, uri = get_method(), var.request_uri
    local id, ms, stamp
    if route_table.settings.trusts_proxies then
        id, ms, stamp = request_id.adopt(var.realip_remote_addr ~= var.remote_addr, var.http_x_request_id)
    else
        id, ms, stamp = request_id.new()
    end
    if method == "OPTIONS" then
        cors.preflight(uri, id)
    end
    local by_method = matches[method]
    local match = by_method and by_method[uri]
    if not match then
        match = find_match(method, uri, id)
    end
    local fn = match.fn
    local record = fn.record
    var.fn_key, var.fn_table = fn.key, route_table.text
    if record.cors then
        cors.begin(record.cors)
    end
    if #raw > 800 then
        check_counts(raw, uri, id)
    end
    local limit = record.rate_limit
    if limit and not limit.by_identity then
        take_token(fn, limit, id)
    end
    local tail, verdict = match.tail, nil
    if record.auth then
        verdict = auth.check(fn, method, uri, raw, id)
        tail = auth.tail(verdict, match)
    end
    if limit and limit.by_identity then
        take_token(fn, limit, id, verdict)
    end
    if record.unavailable then
        return refuse(fn, id, record.unavailable, true)
    end
    local body, source = take_body(fn, id)
    if record.runtime == "lua" then
        return lua_functions.handle(fn, match, method, uri, id, ms, raw, body, source, verdict and verdict.extra, client_address())
    end
    return call_worker(fn, tail, method, id, ms, stamp, raw, body, source, client_address())
end

-- A request of the platform itself (invocation.lua): what only concerns the public side (F167) is left out.
function _M.handle_invocation(invocation, raw)
    route_table.sync()
    local method, uri, id = get_method(), var.request_uri, invocation.id
    local _, ms, stamp = request_id.new()
    local match = find_match(method, uri, id, invocation)
    local fn = match.fn
    local record = fn.record
    if record.unavailable then
        return refuse(fn, id, record.unavailable, true)
    end
    local body, source = take_body(fn, id)
    local extra = invocation.extra
    if record.runtime == "lua" then
        return lua_functions.handle(fn, match, method, uri, id, ms, raw, body, source, extra, LOOPBACK, true)
    end
    local tail = extra and event_head.tail(match.tail_path, extra, match.params) or match.tail
    return call_worker(fn, tail, method, id, ms, stamp, raw, body, source, LOOPBACK, true)
end

-- Whether a request without a function was for the platform itself, which has counters of its own.
local function is_platform()
    return var.fn_admin_uri ~= "" or sub(var.uri, 1, 5) == "/_fn/"
end

local function finish(method)
    local stream = live.drop()
    if stream then
        dispatch.abandon(stream)
    end
    local fn_key = var.fn_key
    if fn_key ~= "" or not is_platform() then
        count(fn_key, method, ngx.status, start_time(), tonumber(var.request_length), tonumber(var.bytes_sent))
    end
end

-- The log phase: the request is over, or a client left while its handler ran.
function _M.log()
    return finish(get_method())
end

-- The log phase of what nginx itself refused: it has made a GET of the request by then.
function _M.log_refused()
    return finish(match_string(var.request or "", "^%u+"))
end

-- Answers for what nginx itself refused (P95); nginx keeps the status in ngx.status.
function _M.refused()
    local status, id = ngx.status, (request_id.new())
    local headers
    if status == 413 then
        reject("body_size")
    elseif status == 405 then
        headers = { Allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" }
    elseif req.http_version() == 0.9 then
        errors.begin_head(status, id)
    end
    return errors.send(status, errors.BY_STATUS[status] or "bad request", id, nil, headers)
end

return _M
