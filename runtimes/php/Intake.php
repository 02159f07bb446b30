<?php

declare(strict_types=1);

namespace FastFN\Worker;

/** Reads frames, sorts them to the streams they belong to, and queues each request once it is complete. */
final class Intake
{
    /** @var \SplQueue<Stream> complete requests, in the order in which they became so; closed ones among them */
    public readonly \SplQueue $ready;

    public function __construct(private readonly Connections $connections, private readonly Worker $worker)
    {
        $this->ready = new \SplQueue();
    }

    /** @param ?int $timeoutUs how long to wait for something to read; null without end */
    public function read(?int $timeoutUs): void
    {
        foreach ($this->connections->wait($timeoutUs) as $connection) {
            try {
                foreach ($connection->receive() as [$type, $stream, $payload]) {
                    $this->dispatch($connection, $type, $stream, $payload);
                }
            } catch (ProtocolError) {
                $connection->isOpen = false;
            }
            if (!$connection->isOpen) {
                $this->drop($connection);
            }
        }
    }

    /** Closes a connection that ended or broke the protocol; its open streams end unanswered. */
    public function drop(Connection $connection): void
    {
        foreach ($connection->streams as $stream) {
            $this->worker->cancel($stream);
        }
        $this->connections->close($connection);
        $this->worker->connectionClosed($connection);
    }

    private function dispatch(Connection $connection, int $type, int $id, string $payload): void
    {
        $stream = $connection->streams[$id] ?? null; // frames for one that is not open cross with its answer
        match ($type) {
            Codec::REQUEST => $this->request($connection, $id, $payload),
            Codec::BODY => $stream === null ?: $this->body($stream, $payload),
            Codec::END => $stream === null ?: $this->complete($stream),
            Codec::CANCEL => $stream === null ?: $this->worker->cancel($stream),
            Codec::WINDOW => $this->window($stream, $payload),
            Codec::PING => $connection->send(Codec::frame(Codec::PONG, 0, $payload)),
            Codec::LOAD, Codec::DRAIN, Codec::CONTEXT => $this->worker->control($connection, $type, $payload),
            Codec::HELLO, Codec::RESPONSE, Codec::ERROR, Codec::LOG, Codec::START, Codec::LOADED
                => throw new ProtocolError("a frame of type $type is the worker's to send"),
            default => null,
        };
    }

    private function request(Connection $connection, int $id, string $payload): void
    {
        if (!$this->worker->isLoaded() || $id < 1 || $id > Codec::MAX_STREAM_ID || isset($connection->streams[$id])) {
            throw new ProtocolError("REQUEST on stream $id");
        }
        $stream = new Stream($connection, $id, ...Codec::request($payload));
        $connection->streams[$id] = $stream;
        if ($stream->isComplete) {
            $this->ready->enqueue($stream);
        }
    }

    private function body(Stream $stream, string $bytes): void
    {
        $granted = $stream->append($bytes);
        if ($granted > 0) {
            $stream->connection->send(Codec::frame(Codec::WINDOW, $stream->id, \pack('N', $granted)));
        }
    }

    private function complete(Stream $stream): void
    {
        if ($stream->isComplete) {
            throw new ProtocolError('END on a complete request');
        }
        $stream->isComplete = true;
        $this->ready->enqueue($stream);
    }

    private function window(?Stream $stream, string $payload): void
    {
        if (\strlen($payload) !== 4) {
            throw new ProtocolError('WINDOW is not a u32');
        }
        $stream?->grant(\unpack('N', $payload)[1]);
    }
}
