-- FNP/1 frames (docs/protocol.md): u32 payload length | u8 type | u32 stream id | payload, big-endian.

local bit = require "bit"

local band, rshift = bit.band, bit.rshift
local char, byte = string.char, string.byte

local _M = {
    HELLO = 1, REQUEST = 2, BODY = 3, END = 4, RESPONSE = 5, ERROR = 6, CANCEL = 7, WINDOW = 8,
    PING = 9, PONG = 10, LOG = 11, START = 12, LOAD = 13, LOADED = 14, DRAIN = 15, CONTEXT = 16,

    FLAG_END = 1, FLAG_ANNOUNCE = 2, FLAG_CAPTURE = 4,

    HEADER_BYTES = 9,
    MAX_PAYLOAD_BYTES = 1048576,
    MAX_BODY_BYTES = 262144,       -- of one frame, and the credit each direction of a stream starts with
}

local function u32(n)
    return char(band(rshift(n, 24), 255), band(rshift(n, 16), 255), band(rshift(n, 8), 255), band(n, 255))
end
_M.u32 = u32

function _M.frame_header(length, kind, stream_id)
    return char(band(rshift(length, 24), 255), band(rshift(length, 16), 255), band(rshift(length, 8), 255),
        band(length, 255), kind, band(rshift(stream_id, 24), 255), band(rshift(stream_id, 16), 255),
        band(rshift(stream_id, 8), 255), band(stream_id, 255))
end

-- The 14 bytes before a REQUEST's head: frame header, flags, head length.
function _M.request_header(flags, head_length, body_length, stream_id)
    local length = 5 + head_length + body_length
    return char(band(rshift(length, 24), 255), band(rshift(length, 16), 255), band(rshift(length, 8), 255),
        band(length, 255), 2, band(rshift(stream_id, 24), 255), band(rshift(stream_id, 16), 255),
        band(rshift(stream_id, 8), 255), band(stream_id, 255), flags, band(rshift(head_length, 24), 255),
        band(rshift(head_length, 16), 255), band(rshift(head_length, 8), 255), band(head_length, 255))
end

-- Reads the four bytes at `position`; the sum stays a plain number above 2^31.
function _M.read_u32(data, position)
    local a, b, c, d = byte(data, position, position + 3)
    return a * 16777216 + b * 65536 + c * 256 + d
end

return _M
