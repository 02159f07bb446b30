<?php

declare(strict_types=1);

namespace FastFN\Worker;

/** A body that is produced while it is sent (F163): a Generator, or a stream resource, which is closed at its end. */
final class Chunks
{
    private const READ_BYTES = 65_536;

    private bool $hasBegun = false;

    /** @param \Generator<mixed>|resource|null $source null once closed */
    public function __construct(private mixed $source)
    {
        if (\is_resource($source)) {
            \stream_set_blocking($source, true);
        }
    }

    /** The next piece, null behind the last. Runs the handler's code, and what it throws comes through. */
    public function next(): ?string
    {
        return $this->source instanceof \Generator ? $this->yielded($this->source) : $this->read();
    }

    /** Runs the generator's `finally` blocks. */
    public function close(): void
    {
        if (\is_resource($this->source)) {
            \fclose($this->source);
        }
        $this->source = null;
    }

    /** @param \Generator<mixed> $generator */
    private function yielded(\Generator $generator): ?string
    {
        if ($this->hasBegun) {
            $generator->next();
        }
        $this->hasBegun = true;
        if (!$generator->valid()) {
            return null;
        }
        $chunk = $generator->current();
        if (!\is_string($chunk)) {
            throw new ContractViolation('a stream yielded ' . \get_debug_type($chunk) . ', not a string');
        }
        return $chunk;
    }

    private function read(): ?string
    {
        $chunk = \fread($this->source, self::READ_BYTES);
        if ($chunk !== '' && $chunk !== false) {
            return $chunk;
        }
        if ($chunk === false || !\feof($this->source)) {
            throw new \RuntimeException('the returned stream could not be read to its end');
        }
        return null;
    }
}
