<?php

declare(strict_types=1);

namespace FastFN\Worker;

/** One request on one connection, from REQUEST to the frame that closes it. */
final class Stream
{
    /** Credit is given back in halves: a frame for each would double the traffic, all at the end would stall the sender. */
    private const GRANT_BYTES = Codec::MAX_BODY_BYTES >> 1;

    public bool $isClosed = false;
    public bool $isComplete;

    /** Bytes of the answer's body that the gateway takes now. */
    private int $credit = Codec::MAX_BODY_BYTES;

    /** Body bytes that wait for credit, from $offset. */
    private string $rest = '';
    private int $offset = 0;

    /** The answer whose body the handler still produces. */
    private ?Answer $producing = null;
    private bool $hasHead = false;

    /** @var list<string> */
    private array $body;

    /** Request bytes that may still come, and those of which the gateway has not been told yet. */
    private int $allowance;
    private int $ungranted;

    public function __construct(
        public readonly Connection $connection,
        public readonly int $id,
        private readonly int $flags,
        public readonly string $head,
        string $body,
    ) {
        $this->isComplete = ($flags & Codec::FLAG_END) !== 0;
        $this->body = [$body];
        $this->ungranted = \strlen($body);
        $this->allowance = Codec::MAX_BODY_BYTES - $this->ungranted;
    }

    public function isAnnounced(): bool
    {
        return ($this->flags & Codec::FLAG_ANNOUNCE) !== 0;
    }

    /** Takes a piece of the request body. Returns the credit to give back, in bytes. */
    public function append(string $bytes): int
    {
        $length = \strlen($bytes);
        if ($length > $this->allowance || $this->isComplete) {
            throw new ProtocolError("BODY of $length bytes where {$this->allowance} were allowed");
        }
        $this->body[] = $bytes;
        $this->allowance -= $length;
        $this->ungranted += $length;
        if ($this->ungranted < self::GRANT_BYTES) {
            return 0;
        }
        $granted = $this->ungranted;
        $this->ungranted = 0;
        $this->allowance += $granted;
        return $granted;
    }

    /** The request body; it is kept no longer. */
    public function takeBody(): string
    {
        $body = \count($this->body) === 1 ? $this->body[0] : \implode('', $this->body);
        $this->body = [];
        return $body;
    }

    public function requestId(): string
    {
        return \substr($this->head, 0, (int) \strpos($this->head, "\0"));
    }

    /** Sends the answer, or as much as there is credit for; a body still to be produced is asked for with `produce`. */
    public function respond(Answer $answer): void
    {
        if ($answer->body instanceof Chunks) {
            $this->producing = $answer;
            return;
        }
        if (\strlen($answer->body) <= Codec::MAX_BODY_BYTES) { // the credit that every stream starts with
            $this->connection->unsent .= Codec::response($this->id, $answer->head(true, Log::shown()), $answer->body);
            $this->close();
        } else {
            $this->sendHead($answer, $answer->body);
        }
    }

    public function isProducing(): bool
    {
        return $this->producing !== null;
    }

    /** Whether the handler may be asked for its next chunk. */
    public function canProduce(): bool
    {
        return $this->credit > 0 && $this->rest === '';
    }

    /** Asks the handler for one chunk and sends it; the head goes with the first (F164). Runs user code. */
    public function produce(): void
    {
        $chunk = $this->producing->body->next();
        if ($chunk === null) {
            $this->producing->body->close();
            if ($this->hasHead) {
                $this->finish(Codec::END);
            } else {
                $this->respond($this->producing->withoutBody());
            }
        } elseif (!$this->hasHead) {
            $this->sendHead($this->producing, $chunk);
        } else {
            $this->rest = $chunk;
            $this->offset = 0;
            $this->sendRest();
        }
    }

    /** More of the answer may be sent. */
    public function grant(int $bytes): void
    {
        $this->credit += $bytes;
        if ($this->rest !== '') {
            $this->sendRest();
        }
    }

    /** Closes the stream with ERROR, whatever has been sent. */
    public function fail(string $kind, string $message, ?string $stack = null): void
    {
        $this->stopProducing();
        $error = ['kind' => $kind, 'message' => $message] + ($stack === null ? [] : ['stack' => $stack]);
        $this->connection->send(Codec::json(Codec::ERROR, $this->id, $error));
        $this->close();
    }

    /** CANCEL: nothing more of the answer is sent, and the handler's generator runs its `finally`. */
    public function cancel(): void
    {
        $this->stopProducing();
        $this->finish(Codec::END);
    }

    private function stopProducing(): void
    {
        $producing = $this->producing;
        $this->producing = null;
        $producing?->body->close();
    }

    /** The head of an answer that goes on after this frame. */
    private function sendHead(Answer $answer, string $body): void
    {
        $first = \substr($body, 0, \min(Codec::MAX_BODY_BYTES, $this->credit));
        $this->connection->send(Codec::response($this->id, $answer->head(false, Log::shown()), $first));
        $this->hasHead = true;
        $this->credit -= \strlen($first);
        $this->rest = $first === $body ? '' : $body;
        $this->offset = \strlen($first);
        $this->sendRest();
    }

    private function sendRest(): void
    {
        $length = \strlen($this->rest);
        while ($this->offset < $length && $this->credit > 0) {
            $piece = \substr($this->rest, $this->offset, \min($this->credit, Codec::MAX_BODY_BYTES));
            $this->connection->send(Codec::frame(Codec::BODY, $this->id, $piece));
            $this->offset += \strlen($piece);
            $this->credit -= \strlen($piece);
        }
        if ($length > 0 && $this->offset === $length) {
            $this->rest = '';
            if ($this->producing === null) {
                $this->finish(Codec::END);
            }
        }
    }

    private function finish(int $type): void
    {
        $this->connection->send(Codec::frame($type, $this->id));
        $this->close();
    }

    private function close(): void
    {
        $this->isClosed = true;
        $this->producing = null;
        $this->rest = '';
        unset($this->connection->streams[$this->id]);
        if (($this->flags & Codec::FLAG_CAPTURE) !== 0) {
            $this->connection->flush();
            Log::last($this->requestId());
        }
    }
}
