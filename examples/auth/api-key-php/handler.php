<?php

// @summary Lets in who knows the key: curl -H 'X-Api-Key: demo-key' …/api-key-php

function handler($event)
{
    $expected = $event['env']['API_KEY'] ?? '';
    $given = $event['headers']['x-api-key'] ?? '';
    if ($expected === '' || !hash_equals($expected, $given)) {
        return answer(401, ['error' => 'unauthorized']);
    }
    return answer(200, ['ok' => true]);
}

function answer($status, $body)
{
    return ['status' => $status, 'headers' => ['Content-Type' => 'application/json'], 'body' => json_encode($body)];
}
