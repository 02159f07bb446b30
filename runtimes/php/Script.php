<?php

declare(strict_types=1);

namespace FastFN\Worker;

/**
 * A file without a handler: it runs for each request, in a scope of its own, and its output is the body (F111). A file
 * that turns out to declare or return a handler when it first runs is a handler from then on.
 */
final class Script
{
    private static string $file = '';

    private ?Handler $handler = null;

    /** The code of later runs where the file cannot be included twice. */
    private ?string $code = null;

    private bool $hasRun = false;

    public function __construct(private readonly string $entry, private readonly string $handlerName)
    {
        self::$file = $entry;
    }

    /** The user's file behind a name that PHP gives to code under eval. */
    public static function fileOf(string $file): string
    {
        return \str_starts_with($file, __FILE__ . '(') ? self::$file : $file;
    }

    /** @param array<string, mixed> $event */
    public function answer(array $event): Answer
    {
        if ($this->handler !== null) {
            return $this->handler->answer($event);
        }
        \http_response_code(200);
        [$returned, $status, $headers] = $this->run($event);
        $output = Output::take();
        if (!$this->hasRun) {
            $this->hasRun = true;
            $this->handler = Handler::find($this->handlerName, $returned);
            $this->code = Source::read($this->entry)->withoutDeclarations();
        }
        if ($this->handler !== null) {
            Log::text('stdout', 'info', $output);
            return $this->handler->answer($event);
        }
        return Response::ofScript($output, $status ?? \http_response_code(), $headers);
    }

    /**
     * @param array<string, mixed> $event
     * @return array{mixed, mixed, mixed} what the file returned, $FASTFN_STATUS, $FASTFN_HEADERS
     */
    private function run(array $event): array
    {
        $scope = $this->code === null
            ? static fn (array $event, array $params): array => [include \func_get_arg(2), $FASTFN_STATUS ?? null, $FASTFN_HEADERS ?? null]
            : static fn (array $event, array $params): array => [eval(\func_get_arg(2)), $FASTFN_STATUS ?? null, $FASTFN_HEADERS ?? null];
        return $scope($event, $event['params'], $this->code ?? $this->entry);
    }
}
