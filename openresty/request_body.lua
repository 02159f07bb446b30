-- The body of a request: small ones whole in memory; larger ones as a source of pieces, read from the client as they come
-- (Content-Length) or from nginx's temporary file (chunked; P84).

local var, req, now = ngx.var, ngx.req, ngx.now
local open = io.open

local WHOLE_BYTES = 131072       -- client_body_buffer_size: up to here nginx holds a body in memory
local PIECE_BYTES = 65536
local CLIENT_TIMEOUT_MS = 60000
local CLIENT_BYTES_PER_SECOND = 1024    -- at least, once that time has passed: such a request has a place in its function already

local _M = {}

-- What the headers announce: bytes (0 = no body), or nil for a chunked one.
function _M.announced_bytes()
    local length = var.content_length
    if length then
        return tonumber(length) or 0
    end
    if var.http_transfer_encoding then
        return nil    -- `chunked`, in whatever case: nginx refuses every other coding
    end
    return 0
end

local function from_file(path)
    local file = open(path, "rb")
    return { next = function() return file:read(PIECE_BYTES) end, close = function() file:close() end }
end

-- Whether a body of which `bytes` have come in `seconds` holds its place for too long.
function _M.is_too_slow(bytes, seconds)
    return seconds * 1000 > CLIENT_TIMEOUT_MS and bytes < seconds * CLIENT_BYTES_PER_SECOND
end

local function from_client(length)
    local sock, err = req.socket()
    if not sock then
        return nil, err
    end
    sock:settimeout(CLIENT_TIMEOUT_MS)    -- from one read to the next
    local began = now()
    local left = length
    return {
        next = function()
            if left == 0 then
                return nil
            end
            local data, why = sock:receiveany(left < PIECE_BYTES and left or PIECE_BYTES)
            if not data then
                return nil, why
            end
            left = left - #data
            if left > 0 and _M.is_too_slow(length - left, now() - began) then
                return nil, "too slow"
            end
            return data
        end,
        close = function() end,
        live = true,
    }
end

-- Reads a body of `length` announced bytes. Returns a string (nil for an empty body), or nil and a source of pieces.
function _M.read(length)
    if length == 0 then
        return nil
    end
    if length > WHOLE_BYTES then
        return nil, from_client(length)
    end
    req.read_body()
    return req.get_body_data()
end

-- Reads a chunked body that nginx collects; the current location bounds it. Returns as `read` does, and the size third.
function _M.read_chunked()
    req.read_body()
    local data = req.get_body_data()
    if data then
        return data, nil, #data
    end
    local path = req.get_body_file()
    if not path then
        return nil, nil, 0
    end
    local file = open(path, "rb")
    local size = file:seek("end")
    file:close()
    return nil, from_file(path), size
end

return _M
