-- Runs inside nginx, without another process.
return function(event)
    return "pong"
end
