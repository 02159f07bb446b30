-- cjson with what OpenResty's fork has and the plain library lacks: `empty_array`, slashes left unescaped.

local native = require "cjson.safe"

local gsub, find = string.gsub, string.find

local _M = {}

local encoder = native.new()
encoder.encode_sparse_array(false)
encoder.encode_invalid_numbers("null")

if native.empty_array then
    encoder.encode_escape_forward_slash(false)
    _M.empty_array = native.empty_array
    _M.encode = encoder.encode
else
    -- The plain library writes every slash as `\/`, so undoing that is exact. Its empty tables are objects; a marker stands
    -- for the empty array until the text is made.
    local MARK = "\1fastfn.empty_array"
    local MARKED = '["\\u0001fastfn.empty_array"]'
    _M.empty_array = setmetatable({ MARK }, { __newindex = function() error("cjson.empty_array is read-only", 2) end })
    function _M.encode(value)
        local text, err = encoder.encode(value)
        if not text then
            return nil, err
        end
        if find(text, "\\/", 1, true) then
            text = gsub(text, "\\/", "/")
        end
        if find(text, MARKED, 1, true) then
            text = gsub(text, '%["\\u0001fastfn%.empty_array"%]', "[]")
        end
        return text
    end
end

_M.null = native.null
_M.decode = native.decode

-- A copy for a sandbox: `safe` returns nil, err; otherwise errors are raised, as cjson does.
function _M.library(safe)
    local function raise(call)
        return function(value)
            local result, err = call(value)
            if result == nil then
                error(err, 2)
            end
            return result
        end
    end
    return { null = _M.null, empty_array = _M.empty_array, encode = safe and _M.encode or raise(_M.encode),
        decode = safe and _M.decode or raise(_M.decode) }
end

return _M
