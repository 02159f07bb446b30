<?php

declare(strict_types=1);

namespace FastFN\Worker;

/** UTF-8 without mbstring, which Debian's php-cli lacks. */
final class Text
{
    public static function isUtf8(string $bytes): bool
    {
        return \preg_match('//u', $bytes) === 1;
    }

    /** Bytes that are not UTF-8 stand for Latin-1 code points (F77, F79). */
    public static function fromBytes(string $bytes): string
    {
        return self::isUtf8($bytes) ? $bytes : self::fromLatin1($bytes);
    }

    private static function fromLatin1(string $bytes): string
    {
        return \preg_replace_callback(
            '/[\x80-\xFF]/',
            static fn (array $match): string => \chr(0xC0 | \ord($match[0]) >> 6) . \chr(0x80 | \ord($match[0]) & 0x3F),
            $bytes,
        );
    }
}
