-- The head of a REQUEST in raw form (docs/protocol.md): a few text fields, then nginx's header block untouched.

local concat = table.concat
local ipairs, tostring = ipairs, tostring

local _M = {}

-- The part that depends on the route and the path only, made once per cached match: path NUL extra NUL n NUL (name NUL value NUL)…
function _M.tail(path_field, extra, params)
    local parts = { path_field, extra, tostring(#params) }
    for _, param in ipairs(params) do
        parts[#parts + 1] = param[1]
        parts[#parts + 1] = param[2]
    end
    parts[#parts + 1] = ""
    return concat(parts, "\0")
end

return _M
