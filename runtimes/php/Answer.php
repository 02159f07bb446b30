<?php

declare(strict_types=1);

namespace FastFN\Worker;

/** What is sent for one request: a checked head, and a body that is bytes or still to be produced. */
final class Answer
{
    /**
     * @param string $headers JSON list of names and values, flat
     * @param string|Chunks $body
     * @param ?string $proxy JSON of the `proxy` member (F158)
     */
    public function __construct(
        public readonly int $status,
        public readonly string $headers,
        public readonly string|Chunks $body,
        public readonly ?string $proxy = null,
    ) {
    }

    /** Of a stream that ended before its first chunk. */
    public function withoutBody(): self
    {
        return new self($this->status, $this->headers, '');
    }

    /**
     * The response head of FNP/1.
     *
     * @param bool $isWhole the frame holds the whole body
     * @param array<string, string> $output `stdout` and `stderr` members
     */
    public function head(bool $isWhole, array $output): string
    {
        $head = '{"status":' . $this->status . ',"headers":' . $this->headers . ',"end":' . ($isWhole ? 'true' : 'false');
        if (!$isWhole && \is_string($this->body)) {
            $head .= ',"length":' . \strlen($this->body);
        }
        if ($this->proxy !== null) {
            $head .= ',"proxy":' . $this->proxy;
        }
        foreach ($output as $stream => $text) {
            $head .= ',"' . $stream . '":' . \json_encode($text, \JSON_UNESCAPED_UNICODE | \JSON_INVALID_UTF8_IGNORE);
        }
        return $head . '}';
    }
}
