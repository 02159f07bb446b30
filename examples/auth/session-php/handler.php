<?php

// @summary Wants a session cookie: curl -b session_id=abc …/session-php

function handler($event)
{
    if (!preg_match('/(?:^|;\s*)session_id=[^;]+/', $event['headers']['cookie'] ?? '')) {
        return answer(401, ['error' => 'missing session']);
    }
    return answer(200, ['ok' => true]);
}

function answer($status, $body)
{
    return ['status' => $status, 'headers' => ['Content-Type' => 'application/json'], 'body' => json_encode($body)];
}
