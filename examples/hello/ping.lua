-- @summary Answers from inside nginx, without another process: /ping
return function(event)
    return "pong " .. (event.query.name or event.client.ip)
end
