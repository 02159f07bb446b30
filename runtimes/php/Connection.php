<?php

declare(strict_types=1);

namespace FastFN\Worker;

/** One accepted socket: frames in, frames out, never blocking on a slow peer. Knows nothing of what frames mean. */
final class Connection
{
    private const READ_BYTES = 65_536;

    /** @var array<int, Stream> open streams by id */
    public array $streams = [];

    /** Frames that wait for the next flush, or for the peer to read. */
    public string $unsent = '';

    public bool $isOpen = true;

    /** Bytes of a frame whose end has not arrived. */
    private string $partial = '';

    /** @param resource $socket */
    public function __construct(public readonly mixed $socket)
    {
        \stream_set_blocking($socket, false);
        \stream_set_read_buffer($socket, 0);
        \stream_set_write_buffer($socket, 0);
    }

    /**
     * The frames of one read. None where nothing had arrived; a connection that ended is no longer open.
     *
     * @return list<array{int, int, string}>
     */
    public function receive(): array
    {
        try {
            $chunk = @\fread($this->socket, self::READ_BYTES);
        } catch (\Throwable) { // a handler's own error handler may throw even for what is silenced
            $chunk = '';
        }
        if ($chunk === '' || $chunk === false) {
            $this->isOpen = !\feof($this->socket);
            return [];
        }
        $buffer = $this->partial . $chunk;
        $offset = 0;
        $frames = [];
        while (($frame = Codec::decode($buffer, $offset)) !== null) {
            $frames[] = $frame;
        }
        $this->partial = $offset === \strlen($buffer) ? '' : \substr($buffer, $offset);
        return $frames;
    }

    public function send(string $frame): void
    {
        $this->unsent .= $frame;
    }

    /** Writes what the peer takes now. */
    public function flush(): void
    {
        if ($this->unsent === '') {
            return;
        }
        try {
            $written = @\fwrite($this->socket, $this->unsent);
        } catch (\Throwable) {
            $written = false;
        }
        if ($written === false) {
            $this->isOpen = false;
        } elseif ($written === \strlen($this->unsent)) {
            $this->unsent = '';
        } elseif ($written > 0) {
            $this->unsent = \substr($this->unsent, $written);
        }
    }

    /** Writes what is left before the process ends, until this time in epoch seconds: a peer may have stopped reading. */
    public function drain(float $deadline): void
    {
        for ($this->flush(); $this->isOpen && $this->unsent !== '' && \microtime(true) < $deadline; $this->flush()) {
            $read = $except = null;
            $write = [$this->socket];
            @\stream_select($read, $write, $except, 0, 100_000);
        }
    }

    public function close(): void
    {
        $this->isOpen = false;
        \fclose($this->socket);
    }
}
