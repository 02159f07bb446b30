-- Routes compiled for one nginx worker: exact paths in a hash, the rest in a tree of segments, so that cost depends on the
-- path's depth and not on the number of routes (F52). Candidates come in the order of F50: left to right static, one-segment
-- parameter, catch-all, wildcard; the first that accepts host and method wins (F51).
--
-- An entry: { methods = {GET = true, …}, hosts = {…}, order, target = <function key> | conflict = true, defaults }.

local find, sub, lower, gmatch, gsub = string.find, string.sub, string.lower, string.gmatch, string.gsub
local concat, sort = table.concat, table.sort
local pairs, ipairs = pairs, ipairs

local _M = {}
local mt = { __index = _M }

function _M.new()
    return setmetatable({ root = {}, static = {}, patterns = {} }, mt)
end

-- Cuts "/users/:id/:rest*" into steps {kind, text}: kind is "static", "param", "rest" (catch-all) or "wild" (`*`); the
-- last two take one or more segments.
local function parse_pattern(pattern)
    local steps, dynamic = {}, false
    for segment in gmatch(pattern, "[^/]+") do
        local step
        if segment == "*" then
            step = { kind = "wild", text = "wildcard" }
        elseif sub(segment, 1, 1) == ":" then
            if sub(segment, -1) == "*" then
                step = { kind = "rest", text = sub(segment, 2, -2) }
            else
                step = { kind = "param", text = sub(segment, 2) }
            end
        else
            step = { kind = "static", text = segment }
        end
        dynamic = dynamic or step.kind ~= "static"
        steps[#steps + 1] = step
    end
    return steps, dynamic
end

-- The supervisor's order among entries of one shape: a winner takes what it claims, the others serve what is free (F44).
local function by_order(a, b)
    return a.order < b.order
end

local function set_leaf(leaf, pattern, entries)
    for i = #leaf, 1, -1 do
        if leaf[i].pattern == pattern then
            table.remove(leaf, i)
        end
    end
    for _, entry in ipairs(entries or {}) do
        leaf[#leaf + 1] = entry
    end
    sort(leaf, by_order)
end

local function find_leaf(self, steps, create)
    local node = self.root
    for _, step in ipairs(steps) do
        local child
        if step.kind == "static" then
            node.static = node.static or (create and {} or nil)
            child = node.static and node.static[step.text]
            if not child and create then
                child = {}
                node.static[step.text] = child
            end
        else
            child = node[step.kind]
            if not child and create then
                child = {}
                node[step.kind] = child
            end
        end
        if not child then
            return nil
        end
        node = child
    end
    if not node.leaf and create then
        node.leaf = {}
    end
    return node.leaf
end

-- Replaces all entries of one pattern; nil removes it.
function _M.set(self, pattern, entries)
    local steps, dynamic = parse_pattern(pattern)
    local names = {}
    for _, step in ipairs(steps) do
        if step.kind ~= "static" then
            names[#names + 1] = step.text
        end
    end
    for _, entry in ipairs(entries or {}) do
        entry.pattern, entry.names = pattern, names
    end
    self.patterns[pattern] = entries and true or nil
    if dynamic then
        set_leaf(find_leaf(self, steps, true), pattern, entries)
    else
        self.static[pattern] = entries
        if entries then
            sort(entries, by_order)
        end
    end
end

local function host_matches(patterns, host, host_with_port)
    if #patterns == 0 then
        return true
    end
    for _, pattern in ipairs(patterns) do
        if pattern == host or pattern == host_with_port then
            return true
        end
        if sub(pattern, 1, 2) == "*." then
            local suffix = sub(pattern, 2)
            local value = find(suffix, ":%d+$") and host_with_port or host
            if #value > #suffix and sub(value, -#suffix) == suffix then
                return true
            end
        end
    end
    return false
end

-- "Example.com:8080" -> "example.com", "example.com:8080"; an IPv6 literal keeps its brackets.
local function split_host(header)
    local value = lower(header or "")
    return (gsub(value, ":%d+$", "")), value
end

-- What one request looks for, and what it has seen on the way.
local function new_search(method, host_header, invocation)
    local host, host_with_port = split_host(host_header)
    return { method = method, host = host, host_with_port = host_with_port, allowed = {}, seen = false, host_refused = false,
        by_host = false, invocation = invocation }
end

-- Whether an entry may answer: by the Host header, or for an invocation because it is the function's that was named.
local function is_candidate(entry, search)
    local invocation = search.invocation
    if invocation then
        return invocation.target == nil or entry.target == invocation.target
    end
    return host_matches(entry.hosts, search.host, search.host_with_port)
end

-- Looks through one leaf; returns the winning entry.
local function try_leaf(leaf, search)
    local automatic
    for _, entry in ipairs(leaf) do
        if #entry.hosts > 0 then
            search.by_host = true
        end
        if is_candidate(entry, search) then
            search.seen = true
            local methods = entry.methods
            for method in pairs(methods) do
                search.allowed[method] = true
            end
            if methods[search.method] then
                return entry
            end
            if search.method == "HEAD" and methods.GET then
                automatic = automatic or entry
            end
        elseif not search.invocation then
            search.host_refused = true
        end
    end
    return automatic
end

local function bind(entry, values, n)
    local params = {}
    for i = 1, n do
        params[i] = { entry.names[i], values[i] }
    end
    for name, value in pairs(entry.defaults or {}) do
        params[#params + 1] = { name, value }
    end
    return entry, params
end

-- A catch-all or `*`, which takes all that is left.
local function try_open_end(node, search)
    return node and node.leaf and try_leaf(node.leaf, search)
end

-- Depth-first in the order of F50; returns the entry and its parameters [{name, value}, …].
local function walk(node, segments, at, n, values, bound, search)
    if at > n then
        if node.leaf then
            local entry = try_leaf(node.leaf, search)
            if entry then
                return bind(entry, values, bound)
            end
        end
    else
        local child = node.static and node.static[segments[at]]
        if child then
            local entry, params = walk(child, segments, at + 1, n, values, bound, search)
            if entry then
                return entry, params
            end
        end
        if node.param then
            values[bound + 1] = segments[at]
            local entry, params = walk(node.param, segments, at + 1, n, values, bound + 1, search)
            if entry then
                return entry, params
            end
        end
        local entry = try_open_end(node.rest, search) or try_open_end(node.wild, search)
        if entry then
            values[bound + 1] = concat(segments, "/", at, n)
            return bind(entry, values, bound + 1)
        end
    end
end

-- Finds the route of a normalised path. Returns the entry and its parameters, or nil and the search, which knows `allowed`
-- (methods of the path), `seen` (a candidate accepted the host) and `host_refused`. `search.by_host` says whether the answer
-- depends on the Host header. An `invocation` (F167) is not bound to hosts, and may name the `target` that shall answer.
function _M.match(self, method, path, segments, n, host_header, invocation)
    local search = new_search(method, host_header, invocation)
    local entries = self.static[path]
    if entries then
        local entry = try_leaf(entries, search)
        if entry then
            local _, params = bind(entry, {}, 0)
            return entry, params, search
        end
    end
    local entry, params = walk(self.root, segments, 1, n, {}, 0, search)
    return entry, params, search
end

-- `Allow` for a path (RFC 9110 10.2.1): what its handlers take, and the automatic HEAD and OPTIONS (F17).
function _M.allow_header(allowed)
    local names = { OPTIONS = true }
    for method in pairs(allowed) do
        names[method] = true
        if method == "GET" then
            names.HEAD = true
        end
    end
    local list = {}
    for method in pairs(names) do
        list[#list + 1] = method
    end
    sort(list)
    return concat(list, ", ")
end

return _M
