<?php

declare(strict_types=1);

namespace FastFN\Worker;

/** FNP/1 frames as bytes: `u32 payload length | u8 type | u32 stream id | payload`, big-endian. No I/O, no meaning. */
final class Codec
{
    public const HELLO = 1;
    public const REQUEST = 2;
    public const BODY = 3;
    public const END = 4;
    public const RESPONSE = 5;
    public const ERROR = 6;
    public const CANCEL = 7;
    public const WINDOW = 8;
    public const PING = 9;
    public const PONG = 10;
    public const LOG = 11;
    public const START = 12;
    public const LOAD = 13;
    public const LOADED = 14;
    public const DRAIN = 15;
    public const CONTEXT = 16;

    public const FLAG_END = 1;
    public const FLAG_ANNOUNCE = 2;
    public const FLAG_CAPTURE = 4;

    public const HEADER_BYTES = 9;
    public const MAX_PAYLOAD_BYTES = 1_048_576;
    /** The body part of any frame, and the credit that each direction of a stream starts with. */
    public const MAX_BODY_BYTES = 262_144;
    public const MAX_STREAM_ID = 0x7FFF_FFFF;

    private const JSON = \JSON_UNESCAPED_UNICODE | \JSON_UNESCAPED_SLASHES | \JSON_INVALID_UTF8_SUBSTITUTE | \JSON_THROW_ON_ERROR;

    public static function frame(int $type, int $stream, string $payload = ''): string
    {
        return \pack('NCN', \strlen($payload), $type, $stream) . $payload;
    }

    /** @param array<string, mixed> $value */
    public static function json(int $type, int $stream, array $value): string
    {
        return self::frame($type, $stream, \json_encode($value, self::JSON));
    }

    public static function response(int $stream, string $head, string $body): string
    {
        $headBytes = \strlen($head);
        return \pack('NCNN', 4 + $headBytes + \strlen($body), self::RESPONSE, $stream, $headBytes) . $head . $body;
    }

    /**
     * The frame at $offset, which moves behind it; null while it is not all here. The length is judged before the
     * payload is waited for.
     *
     * @return array{int, int, string}|null type, stream, payload
     */
    public static function decode(string $buffer, int &$offset): ?array
    {
        $available = \strlen($buffer) - $offset - self::HEADER_BYTES;
        if ($available < 0) {
            return null;
        }
        ['length' => $length, 'type' => $type, 'stream' => $stream] = \unpack('Nlength/Ctype/Nstream', $buffer, $offset);
        if ($length > self::MAX_PAYLOAD_BYTES || ($type === self::BODY && $length > self::MAX_BODY_BYTES)) {
            throw new ProtocolError("frame of type $type with $length bytes");
        }
        if ($available < $length) {
            return null;
        }
        $payload = \substr($buffer, $offset + self::HEADER_BYTES, $length);
        $offset += self::HEADER_BYTES + $length;
        return [$type, $stream, $payload];
    }

    /** @return array{int, string, string} flags, head, body */
    public static function request(string $payload): array
    {
        $length = \strlen($payload);
        if ($length < 5) {
            throw new ProtocolError("REQUEST of $length bytes");
        }
        ['flags' => $flags, 'head' => $headBytes] = \unpack('Cflags/Nhead', $payload);
        $bodyBytes = $length - 5 - $headBytes;
        if ($bodyBytes < 0 || $bodyBytes > self::MAX_BODY_BYTES) {
            throw new ProtocolError("REQUEST of $length bytes with a head of $headBytes");
        }
        return [$flags, \substr($payload, 5, $headBytes), \substr($payload, 5 + $headBytes)];
    }

    /** @return array<string, mixed> */
    public static function object(string $json): array
    {
        $value = \json_decode($json, true);
        if (!\is_array($value)) {
            throw new ProtocolError('JSON that does not parse');
        }
        return $value;
    }
}
