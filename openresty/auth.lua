-- Who may call a function (F135-F141). The supervisor judges credentials; this finds them in the request, asks, and keeps what it
-- was told: verdicts that let pass in a small table of this nginx worker and in a shared dict, refusals in a fixed number of
-- slots of that dict, so that a flood of bad credentials takes the place of nothing.
--
-- A verdict: { status = 200, extra, expires, api_key?, subject? }, or { status = 401 | 403 | 503, challenge? }.

local cjson = require "cjson.safe"
local semaphore = require "ngx.semaphore"
local credentials = require "openresty.credentials"
local errors = require "openresty.errors"
local event_head = require "openresty.event_head"
local link = require "openresty.link"
local metrics = require "openresty.metrics"

local dict = ngx.shared.fn_auth
local now, sha1, log, WARN = ngx.now, ngx.sha1_bin, ngx.log, ngx.WARN
local byte, sub, format = string.byte, string.sub, string.format

local MAX_KEPT = 512              -- verdicts of one function in each of two generations of this nginx worker
local MAX_KEPT_BYTES = 2048       -- longer credentials are looked up in the shared dict
local MAX_TOKEN_BYTES = 16384
local MAX_PENDING = 256           -- questions of this nginx worker; beyond them a request is answered 503
local ANSWER_SECONDS = 5          -- longer than the supervisor waits for an issuer's keys
local REFUSAL_SLOTS = 4096
local TELL_AGAIN_SECONDS = 60

local ANONYMOUS = { status = 200 }
local UNANSWERED = { status = 503 }
local OVERLOADED = { ["Retry-After"] = 1 }
local TOKEN_FORM = "^[%w_-]+%.[%w_-]+%.[%w_-]+$"

local _M = {}

local pending, by_id, pending_count, last_id = {}, {}, 0, 0    -- pending: digest -> question; by_id: id -> question
local told_full_at = -TELL_AGAIN_SECONDS

-- What this nginx worker keeps for one policy; `kept` is by method where verdicts depend on it.
local function new_guard(fn, record)
    local auth = record.auth
    return { record = record, auth = auth, finder = credentials.finder(auth), prefix = fn.key .. "\0" .. auth.revision .. "\0",
        by_method = auth.by_method and {} or nil, kept = { young = {}, old = {}, count = 0 },
        invalid = { status = 401, challenge = auth.invalid } }
end

local function kept_for(guard, method)
    if not guard.by_method then
        return guard.kept
    end
    local kept = guard.by_method[method]
    if not kept then
        kept = { young = {}, old = {}, count = 0 }
        guard.by_method[method] = kept
    end
    return kept
end

local function keep(kept, credential, verdict)
    if #credential > MAX_KEPT_BYTES then
        return
    end
    if kept.count >= MAX_KEPT then
        kept.old, kept.young, kept.count = kept.young, {}, 0
    end
    kept.young[credential] = verdict
    kept.count = kept.count + 1
end

local function refusal_slot(digest)
    return format("n%d", (byte(digest, 1) * 256 + byte(digest, 2)) % REFUSAL_SLOTS)
end

-- What any nginx worker was told about this credential not long ago.
local function recall(digest)
    local text = dict:get(digest)
    if text then
        return cjson.decode(text)
    end
    text = dict:get(refusal_slot(digest))
    if text and sub(text, 1, #digest) == digest then
        return cjson.decode(sub(text, #digest + 1))
    end
end

local function tell_full(forced)
    if forced and now() - told_full_at >= TELL_AGAIN_SECONDS then
        told_full_at = now()
        log(WARN, "more verdicts on credentials than fn_auth holds: some are asked for again")
    end
end

local function share(digest, verdict, seconds)
    if seconds <= 0 then
        return
    end
    local _, forced
    if verdict.status == 200 then
        _, _, forced = dict:set(digest, cjson.encode(verdict), seconds)
    else
        _, _, forced = dict:set(refusal_slot(digest), digest .. cjson.encode(verdict), seconds)
    end
    tell_full(forced)
end

local function close(question)
    if by_id[question.id] then
        by_id[question.id], pending[question.digest] = nil, nil
        pending_count = pending_count - 1
    end
end

-- Questions whose askers have left.
local function sweep()
    local time = now()
    for _, question in pairs(by_id) do
        if question.overdue_at <= time then
            close(question)
        end
    end
end

local function new_question(digest, message)
    if pending_count >= MAX_PENDING then
        sweep()
        if pending_count >= MAX_PENDING then
            return nil
        end
    end
    last_id = last_id + 1
    message.id = last_id
    local question = { id = last_id, digest = digest, message = message, sem = semaphore.new(0), askers = 0,
        overdue_at = now() + ANSWER_SECONDS }
    pending[digest], by_id[last_id] = question, question
    pending_count = pending_count + 1
    link.send(message)
    return question
end

-- Asks the supervisor; requests with the same credential share the question.
local function ask(fn, method, digest, api_key, token)
    local question = pending[digest]
    if not question then
        question = new_question(digest, { type = "verify", ["function"] = fn.key, method = method, api_key = api_key, token = token })
        if not question then
            return UNANSWERED
        end
    end
    question.askers = question.askers + 1
    question.sem:wait(ANSWER_SECONDS)
    if not question.verdict then
        close(question)
    end
    return question.verdict or UNANSWERED
end

-- The supervisor's answer.
function _M.verdict(message)
    local question = by_id[message.id]
    if not question then
        return
    end
    close(question)
    local verdict = { status = message.status, challenge = message.challenge, extra = message.extra, api_key = message.api_key,
        subject = message.subject, expires = message.ttl_seconds and now() + message.ttl_seconds }
    share(question.digest, verdict, message.ttl_seconds or 0)
    question.verdict = verdict
    question.sem:post(question.askers)
end

-- The supervisor is there again, and may never have read what was asked before.
function _M.ask_again()
    for _, question in pairs(by_id) do
        link.send(question.message)
    end
end

-- The verdict on credentials that this nginx worker does not know.
local function judge(guard, fn, method, api_key, token, credential)
    if token and not api_key and (#token > MAX_TOKEN_BYTES or not string.find(token, TOKEN_FORM)) then
        return guard.invalid
    end
    local digest = sha1(guard.prefix .. (guard.by_method and method or "") .. "\0" .. credential)
    local verdict = recall(digest) or ask(fn, method, digest, api_key, token)
    if verdict.status == 200 and verdict.expires > now() then
        keep(kept_for(guard, method), credential, verdict)
    end
    return verdict
end

local function find_verdict(guard, fn, method, uri, raw)
    local api_key, token, conflict = guard.finder(raw, uri)
    if conflict then
        return guard.invalid
    end
    local credential = api_key or token
    if not credential then
        return nil
    end
    if guard.auth.api_key and guard.auth.jwt then
        -- The same text may come as a key, as a token, or with another beside it.
        credential = (api_key and #api_key .. "k" .. api_key or "t") .. (token or "")
    end
    local kept = kept_for(guard, method)
    local verdict = kept.young[credential]
    if not verdict then
        verdict = kept.old[credential]
        if verdict then
            keep(kept, credential, verdict)
        end
    end
    if verdict and verdict.expires > now() then
        return verdict
    end
    return judge(guard, fn, method, api_key, token, credential)
end

local function refuse(status, challenge, id, kind)
    metrics.auth_failure(kind)
    local text = status == 401 and "unauthorized" or "forbidden"
    return errors.send(status, text, id, nil, { ["WWW-Authenticate"] = challenge })
end

-- Lets a request pass and returns its verdict, or answers it (F139).
function _M.check(fn, method, uri, raw, id)
    local record = fn.record
    local guard = fn.guard
    if not guard or guard.record ~= record then
        guard = new_guard(fn, record)
        fn.guard = guard
    end
    local verdict = find_verdict(guard, fn, method, uri, raw)
    if not verdict then
        if guard.auth.optional then
            return ANONYMOUS
        end
        return refuse(401, guard.auth.challenge, id, "missing")
    end
    local status = verdict.status
    if status == 200 then
        return verdict
    elseif status == 503 then
        metrics.reject("unavailable")
        return errors.send(503, "overloaded", id, nil, OVERLOADED)
    end
    return refuse(status, verdict.challenge or guard.auth.invalid, id, status == 401 and "invalid" or "forbidden")
end

-- The tail of the request's head with `event.auth` in it (event_head.lua), made once per verdict and match.
function _M.tail(verdict, match)
    if not verdict.extra then
        return match.tail
    end
    if verdict.match ~= match then
        verdict.match, verdict.tail = match, event_head.tail(match.tail_path, verdict.extra, match.params)
    end
    return verdict.tail
end

return _M
