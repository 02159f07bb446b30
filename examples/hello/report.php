<?php

declare(strict_types=1);

const ROWS = [
    ['month' => 'January', 'orders' => 12],
    ['month' => 'February', 'orders' => 9],
];

function handler(array $event): array
{
    $wantsCsv = ($event['query']['format'] ?? '') === 'csv';
    return $wantsCsv ? ['headers' => ['Content-Type' => 'text/csv'], 'body' => ROWS] : ['rows' => ROWS];
}
