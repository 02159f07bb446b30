<?php

declare(strict_types=1);

namespace FastFN\Worker;

/** Rows of a map or list that is sent as text/csv (F94). Lines end with LF, none after the last. */
final class Csv
{
    /** @param array<mixed> $value */
    public static function encode(array $value): string
    {
        if ($value === []) {
            return '';
        }
        $rows = \array_is_list($value) ? \array_map(Json::plain(...), $value) : [$value];
        return \implode("\n", \array_map(self::line(...), self::isMap($rows[0]) ? self::table($rows) : $rows));
    }

    /**
     * Header and rows: the columns are the first map's keys.
     *
     * @param list<mixed> $rows
     * @return list<mixed>
     */
    private static function table(array $rows): array
    {
        $columns = \array_keys($rows[0]);
        $lines = [$columns];
        foreach ($rows as $row) {
            $lines[] = self::isMap($row) ? \array_map(static fn (mixed $column): mixed => $row[$column] ?? null, $columns) : $row;
        }
        return $lines;
    }

    private static function isMap(mixed $row): bool
    {
        return \is_array($row) && !\array_is_list($row);
    }

    private static function line(mixed $row): string
    {
        return \implode(',', \array_map(self::cell(...), \is_array($row) ? \array_values($row) : [$row]));
    }

    private static function cell(mixed $value): string
    {
        $text = match (true) {
            $value === null => '',
            \is_string($value) => $value,
            default => Json::encode($value),
        };
        return \strpbrk($text, ",\"\r\n") === false ? $text : '"' . \str_replace('"', '""', $text) . '"';
    }
}
