<?php

declare(strict_types=1);

namespace FastFN\Worker;

/** Keeps what handlers print away from descriptors 1 and 2, so that it can be told whose it is (F106, F111). */
final class Output
{
    /** From here on echo is collected, and STDOUT, STDERR and PHP's own warnings go to the log. */
    public static function capture(): void
    {
        \ini_set('display_errors', 'stderr'); // for what ends the process; warnings never get that far
        \ini_set('log_errors', '0');
        \ini_set('html_errors', '0');
        \error_reporting(\E_ALL);
        \set_error_handler(self::onError(...));
        \stream_filter_register('fastfn.log', LogFilter::class);
        \stream_filter_append(\STDOUT, 'fastfn.log', \STREAM_FILTER_WRITE, 'stdout');
        \stream_filter_append(\STDERR, 'fastfn.log', \STREAM_FILTER_WRITE, 'stderr');
        \ob_start();
    }

    /** What was echoed since the last call. Buffers that the handler left open are closed; one that it closed is opened again. */
    public static function take(): string
    {
        while (\ob_get_level() > 1) {
            \ob_end_flush();
        }
        if (\ob_get_level() === 0) {
            \ob_start();
        }
        if (\ob_get_length() === 0) {
            return '';
        }
        $text = (string) \ob_get_contents();
        \ob_clean();
        return $text;
    }

    /** Warnings and notices are logged, not thrown (F111); what would have ended the script throws. */
    private static function onError(int $kind, string $message, string $file, int $line): bool
    {
        if ((\error_reporting() & $kind) === 0) {
            return false; // silenced with @: PHP only notes it for error_get_last()
        }
        if ($kind === \E_USER_ERROR || $kind === \E_RECOVERABLE_ERROR) {
            throw new \ErrorException($message, 0, $kind, $file, $line);
        }
        $name = match ($kind) {
            \E_NOTICE, \E_USER_NOTICE => 'Notice',
            \E_DEPRECATED, \E_USER_DEPRECATED => 'Deprecated',
            default => 'Warning',
        };
        Log::text('stderr', 'warn', "$name: $message in $file on line $line");
        return true;
    }
}
