<?php

declare(strict_types=1);

namespace FastFN\Worker;

/**
 * The loop: reads what has arrived, runs handlers one after the other in the order in which their requests became
 * complete, writes their answers. One slot: while a handler runs, nothing is read.
 */
final class Worker
{
    public static self $current;

    /**
     * Nothing finished waits longer than this for the handlers behind it, and nothing that has arrived stays unread
     * longer. Far above what a plain handler takes (microseconds), far below what a client notices.
     */
    private const QUICK_NS = 300_000;

    /**
     * An answer shares a write with the next one only after this many quick handlers in a row, because a slow one cannot
     * be known in advance and would keep the answer before it; one slow handler, and each answer is written at once again.
     */
    private const TRUSTED_RUNS = 256;

    private const LAST_WORDS_SECONDS = 1.0;

    private readonly int $pid;
    private readonly Connections $connections;
    private readonly Intake $intake;
    private ?Load $load = null;
    private ?LoadedFiles $files = null;
    private bool $isLoaded = false;

    /** @var ?array<string, string> why the code does not load */
    private ?array $refusal = null;

    private bool $isDraining = false;
    private Handler|Script|null $function = null;

    private ?Event $events = null;
    private bool $isOutputShown = false;

    /** The stream whose handler has the slot: while it runs, and while it produces its body. */
    private ?Stream $running = null;

    private int $quickRuns = 0;

    public function __construct(string $path)
    {
        $this->pid = \getmypid();
        $this->connections = new Connections($path, $this->hello(...));
        $this->intake = new Intake($this->connections, $this);
        \register_shutdown_function($this->onShutdown(...));
    }

    public function awaitLoad(): void
    {
        while ($this->load === null) {
            $this->intake->read(null);
            $this->connections->flush();
        }
        Output::capture();
        $this->load->enter();
    }

    public function isLoaded(): bool
    {
        return $this->isLoaded;
    }

    public function entry(): string
    {
        return $this->load->entry;
    }

    /** Whether the entry is included now. A script's first run is its first request's. */
    public function includesEntry(): bool
    {
        $source = Source::read($this->load->entry);
        return $this->load->handler !== 'handler' || $source->declares('handler') || $source->returnsCallable();
    }

    /** The code is in: serves it, or says that it holds no handler. */
    public function begin(mixed $returned): void
    {
        $name = $this->load->handler;
        $this->function = Handler::find($name, $returned);
        if ($this->function === null && $name !== 'handler') {
            $this->refuse('handler not found', "{$this->load->entry} has no function $name and returns no callable");
        }
        $this->function ??= new Script($this->load->entry, $name);
        Log::text('stdout', 'info', Output::take());
        $this->isLoaded = true;
        $this->files->tell();
    }

    /** The code failed to load: the process is of no use. */
    public function refuse(string $error, string $message, string $stack = ''): never
    {
        $this->refusal = ['kind' => 'load', 'error' => $error, 'message' => $message, 'stack' => $stack];
        exit(1);
    }

    public function run(): never
    {
        while (true) {
            $this->intake->read($this->patience());
            if ($this->running !== null) {
                $this->produce($this->running);
            } else {
                $this->serveReady();
            }
            $this->connections->flush();
            $this->files->tellIfDue();
        }
    }

    /** A frame that only the supervisor may send. */
    public function control(Connection $connection, int $type, string $payload): void
    {
        $isInPlace = $type === Codec::DRAIN || ($type === Codec::LOAD) === ($this->load === null);
        if ($connection !== $this->connections->control || !$isInPlace) {
            throw new ProtocolError("a frame of type $type out of place");
        }
        if ($type === Codec::LOAD) {
            $this->load = Load::parse($payload);
            $this->useContext($this->load->context);
            $this->files = new LoadedFiles($this->load, $connection);
            Log::open($connection);
        } elseif ($type === Codec::CONTEXT) {
            $this->useContext(Codec::object($payload));
        } else {
            $this->isDraining = true;
            $this->endIfDrained();
        }
    }

    public function cancel(Stream $stream): void
    {
        try {
            $stream->cancel();
        } catch (\Throwable $error) { // of a generator's `finally`
            Log::text('stderr', 'error', Failure::stack($error));
        }
        if ($stream === $this->running) {
            $this->release();
        }
    }

    public function connectionClosed(Connection $connection): void
    {
        if ($connection === $this->connections->control) {
            exit(0);
        }
        $this->endIfDrained();
    }

    /** How long the loop may wait, in microseconds; null: for whatever comes. */
    private function patience(): ?int
    {
        if ($this->running !== null ? $this->running->canProduce() : !$this->intake->ready->isEmpty()) {
            return 0;
        }
        return $this->files->patienceUs();
    }

    /** @param array<string, mixed> $context for the requests that follow */
    private function useContext(array $context): void
    {
        $this->events = new Event($context, $this->load->env);
        $this->isOutputShown = $context['debug']['enabled'] ?? false;
    }

    private function endIfDrained(): void
    {
        if ($this->isDraining && !$this->connections->hasData()) {
            exit(0);
        }
    }

    /** Runs waiting handlers until it is time to look at the sockets again. */
    private function serveReady(): void
    {
        $begunNs = $nowNs = \hrtime(true);
        while (!$this->intake->ready->isEmpty() && $this->running === null && $nowNs - $begunNs < self::QUICK_NS) {
            $stream = $this->intake->ready->dequeue();
            if ($stream->isClosed) {
                continue;
            }
            if ($stream->isAnnounced()) {
                $stream->connection->send(Codec::frame(Codec::START, $stream->id));
            }
            if ($stream->isAnnounced() || $this->quickRuns < self::TRUSTED_RUNS) {
                $this->connections->flush();
            }
            $this->serve($stream);
            $endedNs = \hrtime(true);
            $this->quickRuns = $endedNs - $nowNs < self::QUICK_NS ? $this->quickRuns + 1 : 0;
            $nowNs = $endedNs;
        }
    }

    private function serve(Stream $stream): void
    {
        $now = (int) (\microtime(true) * 1_000);
        try {
            $event = $this->events->create($stream->head, $stream->takeBody(), $now);
        } catch (ProtocolError) {
            $this->intake->drop($stream->connection);
            return;
        }
        $this->running = $stream;
        $this->files->expectMore();
        Log::begin($event['id'], $this->isOutputShown);
        try {
            $stream->respond($this->function->answer($event));
        } catch (\Throwable $error) {
            $this->fail($stream, $error);
        }
        if (!$stream->isProducing()) {
            $this->release();
        }
    }

    /** One chunk of a streamed body; what had been written so far has been flushed, as the handler may take its time. */
    private function produce(Stream $stream): void
    {
        if (!$stream->canProduce()) {
            return;
        }
        try {
            $stream->produce();
        } catch (\Throwable $error) {
            $this->fail($stream, $error);
        }
        Log::text('stdout', 'info', Output::take());
        if (!$stream->isProducing()) {
            $this->release();
        }
    }

    private function release(): void
    {
        $this->running = null;
        Log::text('stdout', 'info', Output::take()); // of code that ran after the handler: a jsonSerialize, a generator
        Log::end();
    }

    private function fail(Stream $stream, \Throwable $error): void
    {
        Log::text('stdout', 'info', Output::take());
        if ($error instanceof ContractViolation) {
            Log::text('stderr', 'error', 'invalid response: ' . $error->getMessage());
            $stream->fail('contract', $error->getMessage());
            return;
        }
        $stack = Failure::stack($error);
        Log::text('stderr', 'error', $stack);
        $stream->fail('handler', Failure::message($error), $stack);
    }

    private function hello(): string
    {
        return Codec::json(Codec::HELLO, 0, [
            'protocol' => 1,
            'runtime' => 'php',
            'version' => \PHP_VERSION,
            'pid' => $this->pid,
            'function' => $this->load?->function,
            'revision' => $this->load?->revision,
            'concurrency' => 1,
            'head' => 'raw',
        ]);
    }

    /** The last words of a process: also where the function called exit, or used more memory than PHP allows it. */
    private function onShutdown(): void
    {
        if (\getmypid() !== $this->pid) {
            return; // a process that the handler forked: none of this is its own
        }
        \ini_set('memory_limit', '-1');
        $isLoading = $this->load !== null && !$this->isLoaded && $this->connections->control->isOpen;
        $fatal = self::fatalError();
        if ($isLoading && $fatal !== null) {
            $this->refusal ??= ['kind' => 'load', 'error' => 'handler error', 'message' => $fatal, 'stack' => ''];
        }
        if ($this->refusal !== null) {
            $this->connections->control->send(Codec::json(Codec::ERROR, 0, $this->refusal));
        } elseif ($isLoading || $this->running !== null) {
            Log::text('stdout', 'info', Output::take());
            $doing = $isLoading ? 'the code loaded' : 'the handler ran';
            Log::text('stderr', 'error', "the process ended while $doing: " . ($fatal ?? 'the code called exit'));
            Log::end();
        }
        $deadline = \microtime(true) + self::LAST_WORDS_SECONDS;
        foreach ($this->connections->all() as $connection) {
            $connection->drain($deadline);
        }
        if ($this->refusal !== null) {
            exit(1);
        }
    }

    /** What PHP itself ended the process for. */
    private static function fatalError(): ?string
    {
        $last = \error_get_last();
        $isFatal = (($last['type'] ?? 0) & (\E_ERROR | \E_CORE_ERROR | \E_COMPILE_ERROR | \E_PARSE)) !== 0;
        return $isFatal ? "{$last['message']} in {$last['file']} on line {$last['line']}" : null;
    }
}
