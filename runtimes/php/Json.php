<?php

declare(strict_types=1);

namespace FastFN\Worker;

/** Compact JSON as every runtime writes it (F91-F93): non-ASCII unescaped, NaN and Infinity null. */
final class Json
{
    private const FLAGS = \JSON_UNESCAPED_UNICODE | \JSON_UNESCAPED_SLASHES | \JSON_UNESCAPED_LINE_TERMINATORS;
    private const MAX_DEPTH = 512;

    /** @throws ContractViolation for cycles, resources and strings that are not UTF-8 */
    public static function encode(mixed $value): string
    {
        $json = \json_encode($value, self::FLAGS, self::MAX_DEPTH);
        if ($json === false && \json_last_error() === \JSON_ERROR_INF_OR_NAN) {
            $json = \json_encode(self::finite($value), self::FLAGS, self::MAX_DEPTH);
        }
        if ($json === false) {
            throw new ContractViolation('the result cannot be encoded as JSON: ' . \json_last_error_msg());
        }
        return $json;
    }

    /** An object as the map or value that JSON would show. */
    public static function plain(mixed $value): mixed
    {
        while ($value instanceof \JsonSerializable) {
            $value = $value->jsonSerialize();
        }
        return \is_object($value) ? \get_object_vars($value) : $value;
    }

    /** A copy in which null stands for what JSON has no number for. */
    private static function finite(mixed $value, int $depth = 0): mixed
    {
        if (\is_float($value)) {
            return \is_finite($value) ? $value : null;
        }
        if ($depth > self::MAX_DEPTH || $value instanceof \UnitEnum || !(\is_array($value) || \is_object($value))) {
            return $value;
        }
        $plain = self::plain($value);
        if (!\is_array($plain)) {
            return self::finite($plain, $depth + 1);
        }
        $copy = \array_map(static fn (mixed $member): mixed => self::finite($member, $depth + 1), $plain);
        return \is_array($value) ? $copy : (object) $copy;
    }
}
