<?php

// @summary Wants the scope reports:write: curl -H 'Authorization: Bearer demo-editor' …/reports-php
require_once 'fastfn_auth.php';

use function FastFN\Auth\{bearer_token, constant_time_equal, has_scopes, insufficient_scope, unauthorized};

const NEEDED = ['reports:write'];

function handler(array $event): array
{
    $token = bearer_token($event);
    if ($token === null) {
        return unauthorized('reports');
    }
    $claims = claims_of($token, $event['env']);
    if ($claims === null) {
        return unauthorized('reports', 'invalid_token');
    }
    if (!has_scopes($claims, NEEDED)) {
        return insufficient_scope(NEEDED, 'reports');
    }
    return ['subject' => $claims['sub']];
}

/** A real service verifies a signed token here; these two stand for what it would say. */
function claims_of(string $token, array $env): ?array
{
    return match (true) {
        constant_time_equal($token, $env['READER_TOKEN'] ?? null) => ['sub' => 'reader', 'scope' => 'reports:read'],
        constant_time_equal($token, $env['EDITOR_TOKEN'] ?? null) => ['sub' => 'editor', 'scope' => 'reports:read reports:write'],
        default => null,
    };
}
