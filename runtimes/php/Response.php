<?php

declare(strict_types=1);

namespace FastFN\Worker;

/** The response contract (F88-F94, F105): what a handler returned and echoed becomes an Answer. */
final class Response
{
    private const ENVELOPE_KEYS = [
        'status' => 0, 'statusCode' => 0, 'headers' => 0, 'body' => 0,
        'is_base64' => 0, 'isBase64Encoded' => 0, 'body_base64' => 0, 'proxy' => 0,
    ];

    private const HTML = 'text/html; charset=utf-8';
    private const TEXT = 'text/plain; charset=utf-8';
    private const JSON = 'application/json';
    private const BYTES = 'application/octet-stream';

    /**
     * @param string $echoed the body if the result has none, put before a returned string, else only logged (F111)
     */
    public static function of(mixed $result, string $echoed): Answer
    {
        if ($result instanceof \stdClass) {
            $result = self::isEnvelope((array) $result) ? (array) $result : $result;
        }
        if (\is_array($result) && self::isEnvelope($result)) {
            return self::envelope($result, $echoed);
        }
        if ($echoed !== '') {
            if ($result === null || \is_string($result)) {
                $result = $echoed . $result;
            } else {
                Log::text('stdout', 'info', $echoed);
            }
        }
        [$body, $type] = self::body($result);
        return new Answer(200, Headers::only(\is_string($result) && self::isHtml($result) ? self::HTML : $type), $body);
    }

    /** The answer of a script (F111): its output, with what it left in its two variables. */
    public static function ofScript(string $output, mixed $status, mixed $headers): Answer
    {
        $type = self::isHtml($output) ? self::HTML : self::TEXT;
        return new Answer(self::status($status ?? 200), Headers::of($headers ?? [])->with($type), $output);
    }

    /** @param array<mixed> $map */
    private static function isEnvelope(array $map): bool
    {
        $known = \array_intersect_key($map, self::ENVELOPE_KEYS);
        if (\count($known) !== 1 || !\is_string($known['status'] ?? null)) {
            return $known !== [];
        }
        return \preg_match('/^\d+$/D', $known['status']) === 1;
    }

    /** @param array<mixed> $envelope */
    private static function envelope(array $envelope, string $echoed): Answer
    {
        if (isset($envelope['proxy'])) {
            Log::text('stdout', 'info', $echoed);
            return new Answer(200, '[]', '', self::proxy($envelope['proxy']));
        }
        $status = self::status($envelope['status'] ?? $envelope['statusCode'] ?? 200);
        $headers = Headers::of($envelope['headers'] ?? []);
        if (($envelope['is_base64'] ?? $envelope['isBase64Encoded'] ?? false) === true) {
            Log::text('stdout', 'info', $echoed);
            return new Answer($status, $headers->with(self::BYTES), self::decoded($envelope));
        }
        $content = $envelope['body'] ?? null;
        if ($echoed !== '') {
            if ($content === null || $content === '') {
                $content = $echoed;
            } else {
                Log::text('stdout', 'info', $echoed);
            }
        }
        if ($headers->isCsv() && (\is_array($content) || (\is_object($content) && !$content instanceof \Generator))) {
            $rows = Json::plain($content);
            $content = \is_array($rows) ? Csv::encode($rows) : $rows;
        }
        [$body, $type] = self::body($content);
        return new Answer($status, $headers->with($type), $body);
    }

    /** @return array{string|Chunks, ?string} the bytes or stream, and its type where the handler named none (F91) */
    private static function body(mixed $value): array
    {
        return match (true) {
            $value === null => ['', null],
            \is_string($value) => [$value, self::TEXT],
            \is_bool($value) => [$value ? 'true' : 'false', self::TEXT],
            \is_int($value) => [(string) $value, self::TEXT],
            \is_float($value) => [Json::encode($value), self::TEXT],
            $value instanceof \Generator => [new Chunks($value), self::TEXT],
            \is_resource($value) && \get_resource_type($value) === 'stream' => [new Chunks($value), self::BYTES],
            default => [Json::encode($value), self::JSON],
        };
    }

    private static function isHtml(string $text): bool
    {
        return \str_contains($text, '<') && \preg_match('~^\s*<(?:!doctype html|html)|<body|</html>~i', $text) === 1;
    }

    private static function status(mixed $value): int
    {
        $isInteger = \is_int($value)
            || (\is_float($value) && \floor($value) === $value)
            || (\is_string($value) && \preg_match('/^\d{1,9}$/D', $value) === 1);
        if (!$isInteger || $value < 200 || $value > 599) {
            throw new ContractViolation('status is not an integer from 200 to 599');
        }
        return (int) $value;
    }

    /** @param array<mixed> $envelope */
    private static function decoded(array $envelope): string
    {
        $encoded = $envelope['body_base64'] ?? $envelope['base64'] ?? $envelope['body'] ?? null;
        $bytes = \is_string($encoded) ? \base64_decode($encoded, true) : false;
        if ($bytes === false) {
            throw new ContractViolation('is_base64 is true, but there is no base64 text to decode');
        }
        return $bytes;
    }

    /** The directive for the gateway; a body of other bytes than UTF-8 travels as base64 (F158). */
    private static function proxy(mixed $directive): string
    {
        $directive = $directive instanceof \stdClass ? (array) $directive : $directive;
        if (!\is_array($directive) || ($directive !== [] && \array_is_list($directive))) {
            throw new ContractViolation('proxy is not a map');
        }
        if (\is_string($directive['body'] ?? null) && !Text::isUtf8($directive['body'])) {
            $directive = ['is_base64' => true, 'body_base64' => \base64_encode($directive['body']), 'body' => null] + $directive;
        }
        if (($directive['headers'] ?? null) === []) {
            unset($directive['headers']);
        }
        return Json::encode((object) $directive);
    }
}
