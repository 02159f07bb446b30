<?php

declare(strict_types=1);

// @summary Says hello
function handler(array $event, array $params): array
{
    $name = $event['query']['name'] ?? 'world';
    return [
        'message' => "Hello, $name",
        'query' => (object) $event['query'],
        'params' => (object) $params,
        'version' => $event['version'],
    ];
}
