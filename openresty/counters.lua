-- Counts of running requests, shared by all nginx workers. Each increment is also booked on this nginx worker's own share, so
-- that the worker which takes its place after a crash can drop what died with it.

local dict = ngx.shared.fn_counters
local sub = string.sub

local _M = {}

-- Keys of one counter, made once: { total, share }.
function _M.keys(name)
    return "t:" .. name, "s:" .. ngx.worker.id() .. ":" .. name
end

-- Returns the new total.
function _M.increment(total, share)
    dict:incr(share, 1, 0)
    return dict:incr(total, 1, 0) or 1
end

function _M.decrement(total, share)
    dict:incr(share, -1, 0)
    dict:incr(total, -1, 0)
end

function _M.get(total)
    return dict:get(total) or 0
end

-- Counts something that happened, for good.
function _M.tally(name)
    dict:incr("n:" .. name, 1, 0)
end

function _M.tallied(name)
    return dict:get("n:" .. name) or 0
end

-- Marks a name for all nginx workers; true for whoever does it first.
function _M.mark(name)
    return dict:add("m:" .. name, true) == true
end

function _M.unmark(name)
    dict:delete("m:" .. name)
end

-- Called once when an nginx worker starts: what its predecessor had counted is over.
function _M.drop_share()
    local prefix = "s:" .. ngx.worker.id() .. ":"
    for _, key in ipairs(dict:get_keys(0)) do
        if sub(key, 1, #prefix) == prefix then
            local count = dict:get(key)
            if count and count ~= 0 then
                dict:incr("t:" .. sub(key, #prefix + 1), -count, 0)
            end
            dict:delete(key)
        end
    end
end

return _M
