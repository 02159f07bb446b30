-- The head of a REQUEST in raw form (docs/protocol.md): a few text fields, then nginx's header block untouched. It is sent in five
-- pieces, of which only the id is made for the request: id | stamp (NUL ts NUL gateway_pid NUL, request_id.lua) | client_ip |
-- tail | header block.

local concat = table.concat
local ipairs, tostring = ipairs, tostring

local _M = {}

-- The tail depends on the route and the path only, and is made once per cached match: NUL path NUL extra NUL n NUL (name NUL
-- value NUL)…
function _M.tail(path_field, extra, params)
    local parts = { "", path_field, extra, tostring(#params) }
    for _, param in ipairs(params) do
        parts[#parts + 1] = param[1]
        parts[#parts + 1] = param[2]
    end
    parts[#parts + 1] = ""
    return concat(parts, "\0")
end

return _M
