-- @summary Says hello
return function(event, params)
    return {
        message = ("Hello, %s"):format(event.query.name or "world"),
        query = event.query,
        params = params,
        version = event.version,
    }
end
