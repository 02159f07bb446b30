<?php

declare(strict_types=1);

namespace FastFN\Worker;

/** The listening socket and what was accepted on it. The first connection is the supervisor's, all others carry requests. */
final class Connections
{
    public ?Connection $control = null;

    /** @var array<int, Connection> by resource id */
    private array $open = [];

    /** @var array<int, resource> the same sockets and the listener, as stream_select wants them */
    private array $sockets;

    private readonly int $listener;

    /** @param \Closure(): string $hello the first frame on each connection */
    public function __construct(string $path, private readonly \Closure $hello)
    {
        $umask = \umask(0177); // the socket is for its owner alone from the moment it exists
        $listener = @\stream_socket_server("unix://$path", $code, $message);
        \umask($umask);
        if ($listener === false) {
            throw new \RuntimeException("cannot listen on $path: $message");
        }
        $this->listener = \get_resource_id($listener);
        $this->sockets = [$this->listener => $listener];
    }

    /**
     * Waits until something arrives and accepts who comes.
     *
     * @param ?int $timeoutUs null waits without end
     * @return list<Connection> those with something to read
     */
    public function wait(?int $timeoutUs): array
    {
        $read = $this->sockets;
        $write = $except = [];
        foreach ($this->open as $id => $connection) {
            if ($connection->unsent !== '') {
                $write[$id] = $connection->socket;
            }
        }
        $seconds = $timeoutUs === null ? null : \intdiv($timeoutUs, 1_000_000);
        $count = @\stream_select($read, $write, $except, $seconds, (int) $timeoutUs % 1_000_000);
        if ($count === false) {
            \usleep(1_000); // a handler keeps a thousand files open: select() fails for what is above, and would spin
        }
        if ((int) $count === 0) {
            return [];
        }
        if (isset($read[$this->listener])) {
            unset($read[$this->listener]);
            $this->accept();
        }
        $readable = [];
        foreach ($read as $id => $_) {
            $readable[] = $this->open[$id];
        }
        return $readable;
    }

    public function flush(): void
    {
        foreach ($this->open as $connection) {
            $connection->flush();
        }
    }

    /** @return list<Connection> */
    public function all(): array
    {
        return \array_values($this->open);
    }

    public function close(Connection $connection): void
    {
        $id = \get_resource_id($connection->socket);
        unset($this->open[$id], $this->sockets[$id]);
        $connection->close();
    }

    public function hasData(): bool
    {
        return \count($this->open) > 1;
    }

    private function accept(): void
    {
        $socket = @\stream_socket_accept($this->sockets[$this->listener], 0);
        if ($socket === false) {
            return;
        }
        $connection = new Connection($socket);
        $connection->send(($this->hello)());
        $connection->flush();
        $this->control ??= $connection;
        $id = \get_resource_id($socket);
        $this->open[$id] = $connection;
        $this->sockets[$id] = $socket;
    }
}
