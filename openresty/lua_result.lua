-- From what a Lua function returned to status, headers and body (F88-F95), under the same contract as the other languages (F105).

local json = require "openresty.json"
local answer = require "openresty.answer"

local type, tostring, pairs, ipairs = type, tostring, pairs, ipairs
local find, lower, gsub, sub, format = string.find, string.lower, string.gsub, string.sub, string.format
local concat, sort, floor = table.concat, table.sort, math.floor

local ENVELOPE = { "status", "statusCode", "headers", "body", "is_base64", "isBase64Encoded", "body_base64", "proxy" }
local null = json.null


local _M = {}

local function is_envelope(value)
    local others = false
    for i = 2, #ENVELOPE do
        others = others or value[ENVELOPE[i]] ~= nil
    end
    if others then
        return true
    end
    local status = value.status
    return status ~= nil and not (type(status) == "string" and not find(status, "^%d+$"))
end

local function is_html(body)
    local start = lower(sub(gsub(body, "^%s+", ""), 1, 15))
    if sub(start, 1, 14) == "<!doctype html" or sub(start, 1, 5) == "<html" then
        return true
    end
    local folded = lower(body)
    return find(folded, "<body", 1, true) ~= nil or find(folded, "</html>", 1, true) ~= nil
end

local function number_text(value)
    if value ~= value or value == 1 / 0 or value == -1 / 0 then
        return "null"
    end
    if value == floor(value) and value > -1e15 and value < 1e15 then
        return format("%.0f", value)
    end
    return format("%.14g", value)
end

local function is_list(value)
    return type(value) == "table" and value ~= json.empty_array and (#value > 0)
end

local function csv_cell(value)
    if value == nil or value == null then
        return ""
    end
    local cell
    if type(value) == "table" then
        cell = json.encode(value) or ""
    elseif type(value) == "number" then
        cell = number_text(value)
    else
        cell = tostring(value)
    end
    if find(cell, '[,"\r\n]') then
        return '"' .. gsub(cell, '"', '""') .. '"'
    end
    return cell
end

local function csv_row(cells, n)
    local row = {}
    for i = 1, n do
        row[i] = csv_cell(cells[i])
    end
    return concat(row, ",")
end

-- Lua tables have no order of keys: the header line is sorted.
local function csv_header(map)
    local names = {}
    for name in pairs(map) do
        names[#names + 1] = tostring(name)
    end
    sort(names)
    return names
end

local function csv(value)
    if type(value) ~= "table" then
        return csv_cell(value)
    end
    local rows = is_list(value) and value or { value }
    local lines, names = {}, nil
    for _, row in ipairs(rows) do
        if is_list(row) then
            lines[#lines + 1] = csv_row(row, #row)
        elseif type(row) == "table" then
            if not names then
                names = csv_header(row)
                lines[#lines + 1] = csv_row(names, #names)
            end
            local cells = {}
            for i, name in ipairs(names) do
                cells[i] = row[name]
            end
            lines[#lines + 1] = csv_row(cells, #names)
        else
            lines[#lines + 1] = csv_cell(row)
        end
    end
    return concat(lines, "\n")
end

-- F91. Returns the body's bytes and the Content-Type to set if the handler set none; nil, nil, why otherwise.
local function encode_body(value, content_type, bare)
    local kind = type(value)
    if value == nil or value == null then
        return ""
    elseif kind == "string" then
        return value, bare and is_html(value) and "text/html; charset=utf-8" or "text/plain; charset=utf-8"
    elseif kind == "number" then
        return number_text(value), "text/plain; charset=utf-8"
    elseif kind == "boolean" then
        return tostring(value), "text/plain; charset=utf-8"
    elseif kind == "table" then
        if content_type and find(lower(content_type) .. ";", "^%s*text/csv%s*;") then
            return csv(value)
        end
        local encoded, err = json.encode(value)
        if not encoded then
            return nil, nil, "the value cannot be encoded as JSON: " .. tostring(err)
        end
        return encoded, "application/json"
    elseif value == json.empty_array then
        return "[]", "application/json"
    end
    return nil, nil, "a " .. kind .. " cannot be sent"
end

local function header_value(value)
    local kind = type(value)
    if kind == "string" then
        return value
    elseif kind == "number" then
        return number_text(value)
    elseif kind == "boolean" then
        return tostring(value)
    end
end

-- Flat pairs for answer.new and the Content-Type the handler set; nil and why when F105 is broken.
local function flatten_headers(headers)
    local flat, content_type = {}, nil
    if headers == nil or headers == null then
        return flat
    end
    if type(headers) ~= "table" then
        return nil, "headers is not a map"
    end
    for name, value in pairs(headers) do
        if type(name) ~= "string" then
            return nil, "headers is not a map"
        end
        local values = type(value) == "table" and value or { value }
        for key, single in pairs(values) do
            if single ~= null then
                local text = type(key) == "number" and header_value(single)
                if not text then
                    return nil, "the value of header " .. (find(name, "^[%w-]+$") and name or "?") .. " is of a composite type"
                end
                flat[#flat + 1], flat[#flat + 2] = name, text
                if lower(name) == "content-type" then
                    content_type = text
                end
            end
        end
    end
    return flat, nil, content_type
end

local function status_of(envelope)
    local status = envelope.status
    if status == nil or status == null then
        status = envelope.statusCode
    end
    if status == nil or status == null then
        return 200
    end
    if type(status) == "string" and find(status, "^%d+$") then
        return tonumber(status)
    end
    return status
end

local function decode_base64(envelope)
    local payload = envelope.body_base64
    if payload == nil or payload == null then payload = envelope.base64 end
    if payload == nil or payload == null then payload = envelope.body end
    if type(payload) ~= "string" then
        return nil, "is_base64 without a base64 string"
    end
    payload = gsub(payload, "%s+", "")
    local decoded = find(payload, "^[%w+/]*=?=?$") and ngx.decode_base64(payload)
    if not decoded then
        return nil, "is_base64 with a payload that is not base64"
    end
    return decoded
end

-- Returns an answer and the body, or nil, nil and the reason why the contract is broken.
function _M.build(value)
    local status, flat, content_type, why = 200, {}, nil, nil
    local payload, bare = value, true
    if type(value) == "table" and is_envelope(value) then
        if value.proxy ~= nil and value.proxy ~= null then
            if type(value.proxy) ~= "table" or is_list(value.proxy) then
                return nil, nil, "proxy is not a map"
            end
            return { proxy = value.proxy }, ""
        end
        status, bare = status_of(value), false
        flat, why, content_type = flatten_headers(value.headers)
        if not flat then
            return nil, nil, why
        end
        payload = value.body
        local is_base64 = value.is_base64
        if is_base64 == nil then is_base64 = value.isBase64Encoded end
        if is_base64 == true then
            payload, why = decode_base64(value)
            if not payload then
                return nil, nil, why
            end
            if not content_type then
                flat[#flat + 1], flat[#flat + 2] = "Content-Type", "application/octet-stream"
                content_type = "application/octet-stream"
            end
        end
    end
    local body, default_type
    body, default_type, why = encode_body(payload, content_type, bare)
    if not body then
        return nil, nil, why
    end
    if default_type and not content_type then
        flat[#flat + 1], flat[#flat + 2] = "Content-Type", default_type
    end
    local built
    built, why = answer.of(status, flat)
    if not built then
        return nil, nil, why
    end
    return built, body
end

return _M
