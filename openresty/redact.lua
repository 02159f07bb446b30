-- Hides secrets in captured output on its way to a client (F107). Off the path of ordinary requests: debug headers and stacks only.

local find, sub, concat, ipairs = string.find, string.sub, table.concat, ipairs

local HIDDEN = "<hidden>"

local _M = {}

local function hide_one(text, secret)
    local from, to = find(text, secret, 1, true)
    if not from then
        return text
    end
    local parts, rest = {}, 1
    while from do
        parts[#parts + 1] = sub(text, rest, from - 1)
        parts[#parts + 1] = HIDDEN
        rest = to + 1
        from, to = find(text, secret, rest, true)
    end
    parts[#parts + 1] = sub(text, rest)
    return concat(parts)
end

-- Length of the end of `text` with which `secret` begins.
local function cut_secret(text, secret)
    for length = #secret - 1, 1, -1 do
        if sub(text, -length) == sub(secret, 1, length) then
            return length
        end
    end
    return 0
end

-- `secrets` (or nil) are the texts to hide, the longest first. With `is_cut` the text may end within one of them.
function _M.hide(text, secrets, is_cut)
    if not text or not secrets then
        return text
    end
    local cut = 0
    for _, secret in ipairs(secrets) do
        text = hide_one(text, secret)
        local length = is_cut and cut_secret(text, secret) or 0
        cut = length > cut and length or cut
    end
    return cut > 0 and sub(text, 1, -cut - 1) .. HIDDEN or text
end

return _M
