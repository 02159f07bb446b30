-- The one normal form of a request path (F49), which decides everything: each segment is percent-decoded exactly once,
-- `//` merged, `.` and `..` resolved, one trailing slash ignored, `#…` dropped.

local byte, char, find, sub, gsub, lower = string.byte, string.char, string.find, string.sub, string.gsub, string.lower
local concat = table.concat
local tonumber = tonumber

local SLASH, BACKSLASH = 47, 92

-- Files never served (P91), in lower case: some file systems know no other.
local PROTECTED = { ["fastfn.json"] = true, ["fastfn.toml"] = true, ["fn.config.json"] = true, ["fn.env.json"] = true,
    ["fn.routes.json"] = true, ["fn.test_events.json"] = true }

local _M = {}

local function decode_hex(hex)
    return char(tonumber(hex, 16))
end

-- Decodes one segment; nil for a bad `%` or `%00`.
local function decode(segment)
    if not find(segment, "%", 1, true) then
        return segment
    end
    local stripped = gsub(segment, "%%%x%x", "")
    if find(stripped, "%", 1, true) then
        return nil
    end
    local decoded = gsub(segment, "%%(%x%x)", decode_hex)
    if find(decoded, "\0", 1, true) then
        return nil
    end
    return decoded
end

-- The path part of a request target (origin or absolute form), without query and fragment.
function _M.of_target(target)
    local query = find(target, "?", 1, true)
    local path = query and sub(target, 1, query - 1) or target
    local fragment = find(path, "#", 1, true)
    if fragment then
        path = sub(path, 1, fragment - 1)
    end
    if byte(path) ~= SLASH then
        local _, authority = find(path, "^%a[%w+.-]*://[^/]*")
        path = authority and sub(path, authority + 1) or path
        if path == "" then
            path = "/"
        end
    end
    return path
end

-- Splits a raw path into decoded segments; returns the array, its length and the normalised path, or nil where F49 says 400.
function _M.normalise(raw)
    if byte(raw) ~= SLASH then
        return nil
    end
    local segments, n = {}, 0
    local from, size = 2, #raw
    while from <= size do
        local slash = find(raw, "/", from, true) or size + 1
        if slash > from then
            local segment = decode(sub(raw, from, slash - 1))
            if not segment then
                return nil
            end
            if segment == ".." then
                if n == 0 then
                    return nil
                end
                segments[n] = nil
                n = n - 1
            elseif segment ~= "." then
                n = n + 1
                segments[n] = segment
            end
        end
        from = slash + 1
    end
    return segments, n, "/" .. concat(segments, "/")
end

local function is_slash(code)
    return code == SLASH or code == BACKSLASH
end

-- Whether a path belongs to the platform (F10), from its segments.
function _M.is_platform(segments)
    return segments[1] == "_fn" or segments[1] == "console"
end

-- Whether the last segment of a path names a protected file. A segment may hold slashes that were sent encoded.
function _M.is_protected(segment)
    local last = #segment
    while last > 0 and is_slash(byte(segment, last)) do
        last = last - 1
    end
    local before = last
    while before > 0 and not is_slash(byte(segment, before)) do
        before = before - 1
    end
    local name = lower(sub(segment, before + 1, last))
    return PROTECTED[name] or sub(name, 1, 4) == ".env"
end

return _M
