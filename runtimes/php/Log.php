<?php

declare(strict_types=1);

namespace FastFN\Worker;

/**
 * What handlers print, as LOG frames on the control connection (F106). Static because its callers are: PHP's error
 * handler, the filters on STDOUT and STDERR, `error_log`. A process runs one handler at a time, so a line belongs to the
 * request that runs. Lines are written at once: a handler that is killed has still been heard.
 */
final class Log
{
    private const MAX_LINE_BYTES = 16_384;
    private const MAX_UNSENT_BYTES = 1_048_576;
    /** Of each stream's output, for the answer's head. */
    private const MAX_SHOWN_BYTES = 4_096;

    private static Connection $control;
    private static ?string $requestId = null;
    private static bool $isShown = false;
    private static int $dropped = 0;

    /** @var array<string, string> begun lines of STDOUT and STDERR */
    private static array $partial = ['stdout' => '', 'stderr' => ''];

    /** @var array<string, string> */
    private static array $shown = [];

    public static function open(Connection $control): void
    {
        self::$control = $control;
    }

    /** What follows belongs to this request. */
    public static function begin(string $requestId, bool $isShown): void
    {
        self::$requestId = $requestId;
        self::$isShown = $isShown;
        self::$shown = [];
    }

    /** Ends begun lines; what follows belongs to the worker. */
    public static function end(): void
    {
        self::endLines();
        self::$requestId = null;
    }

    /** Closes the output of a request sent with CAPTURE; after its answer. */
    public static function last(string $requestId): void
    {
        self::send(['request_id' => $requestId, 'stream' => 'stdout', 'level' => 'info', 'message' => '', 'last' => true]);
    }

    /** One or more whole lines. */
    public static function text(string $stream, string $level, string $text): void
    {
        if ($text === '') {
            return;
        }
        foreach (\explode("\n", \str_ends_with($text, "\n") ? \substr($text, 0, -1) : $text) as $line) {
            self::line($stream, $level, \rtrim($line, "\r"));
        }
    }

    /** Bytes written to STDOUT or STDERR, which need not end with a line. */
    public static function raw(string $stream, string $bytes): void
    {
        $text = self::$partial[$stream] . $bytes;
        $end = \strrpos($text, "\n");
        if ($end !== false) {
            self::text($stream, self::level($stream), \substr($text, 0, $end + 1));
            $text = \substr($text, $end + 1);
        }
        self::$partial[$stream] = self::cut($stream, self::level($stream), $text);
    }

    /** @return array<string, string> `stdout` and `stderr` of the response head, if `context.debug.enabled` */
    public static function shown(): array
    {
        if (self::$isShown) {
            self::endLines();
        }
        return self::$shown;
    }

    private static function endLines(): void
    {
        foreach (self::$partial as $stream => $text) {
            if ($text !== '') {
                self::$partial[$stream] = '';
                self::line($stream, self::level($stream), $text);
            }
        }
    }

    private static function level(string $stream): string
    {
        return $stream === 'stdout' ? 'info' : 'error';
    }

    private static function line(string $stream, string $level, string $line): void
    {
        self::piece($stream, $level, self::cut($stream, $level, $line), []);
    }

    /** Sends all but the last piece of a line that is too long, and returns that. */
    private static function cut(string $stream, string $level, string $line): string
    {
        while (\strlen($line) > self::MAX_LINE_BYTES) {
            $cut = self::MAX_LINE_BYTES;
            while ($cut > self::MAX_LINE_BYTES - 4 && (\ord($line[$cut]) & 0xC0) === 0x80) {
                --$cut; // not inside a character
            }
            self::piece($stream, $level, \substr($line, 0, $cut), ['continued' => true]);
            $line = \substr($line, $cut);
        }
        return $line;
    }

    /**
     * Bytes that are not UTF-8 are replaced in the text and kept as base64 (P116).
     *
     * @param array<string, mixed> $fields
     */
    private static function piece(string $stream, string $level, string $text, array $fields): void
    {
        if (self::$isShown && self::$requestId !== null) {
            $shown = (self::$shown[$stream] ?? '') . $text . (isset($fields['continued']) ? '' : "\n");
            self::$shown[$stream] = \substr($shown, 0, self::MAX_SHOWN_BYTES);
        }
        if (!Text::isUtf8($text)) {
            $fields['base64'] = \base64_encode($text);
        }
        $line = ['request_id' => self::$requestId, 'stream' => $stream, 'level' => $level, 'message' => $text];
        self::send($fields === [] ? $line : $line + ['fields' => $fields]);
    }

    /** @param array<string, mixed> $line */
    private static function send(array $line): void
    {
        self::$control->flush();
        if (\strlen(self::$control->unsent) > self::MAX_UNSENT_BYTES) {
            ++self::$dropped;
            return;
        }
        if (self::$dropped > 0) {
            $message = self::$dropped . ' lines dropped';
            self::$dropped = 0;
            self::$control->send(Codec::json(Codec::LOG, 0, ['request_id' => null, 'stream' => 'stderr', 'level' => 'warn', 'message' => $message]));
        }
        self::$control->send(Codec::json(Codec::LOG, 0, $line));
        self::$control->flush();
    }
}
