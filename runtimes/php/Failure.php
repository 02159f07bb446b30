<?php

declare(strict_types=1);

namespace FastFN\Worker;

/** An exception in the user's terms: frames of this worker are left out, so its stack starts and ends in the user's files. */
final class Failure
{
    public static function message(\Throwable $error): string
    {
        $text = \preg_replace('~, called in ' . \preg_quote(__DIR__, '~') . '\S* on line \d+~', '', $error->getMessage());
        return \get_class($error) . ': ' . $text;
    }

    public static function stack(\Throwable $error): string
    {
        $lines = [];
        for ($cause = $error; $cause !== null; $cause = $cause->getPrevious()) {
            $title = self::message($cause) . ' in ' . self::place($cause->getFile(), $cause->getLine());
            \array_push($lines, ($cause === $error ? '' : 'caused by ') . $title, ...self::frames($cause));
        }
        return \implode("\n", $lines);
    }

    /** @return list<string> */
    private static function frames(\Throwable $error): array
    {
        $lines = [];
        foreach ($error->getTrace() as $frame) {
            $file = $frame['file'] ?? '[internal function]';
            if (\str_starts_with($file, __DIR__ . '/') && !\str_contains($file, "eval()'d code")) {
                break; // the call into the handler; all below it is this worker
            }
            $call = ($frame['class'] ?? '') . ($frame['type'] ?? '') . $frame['function'] . '()';
            $lines[] = '    at ' . $call . ' ' . self::place($file, $frame['line'] ?? 0);
        }
        return $lines;
    }

    private static function place(string $file, int $line): string
    {
        return Script::fileOf($file) . ($line > 0 ? ":$line" : '');
    }
}
