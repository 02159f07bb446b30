<?php

// @summary Sales as a table for spreadsheets: /report?region=north

declare(strict_types=1);

const SALES = [
    ['region' => 'north', 'month' => '2026-01', 'total' => 1250.5],
    ['region' => 'north', 'month' => '2026-02', 'total' => 980],
    ['region' => 'south', 'month' => '2026-01', 'total' => 2210.25],
];

function handler(array $event): array
{
    $region = $event['query']['region'] ?? null;
    $rows = array_filter(SALES, fn (array $row): bool => $region === null || $row['region'] === $region);
    return ['headers' => ['Content-Type' => 'text/csv; charset=utf-8'], 'body' => array_values($rows)];
}
