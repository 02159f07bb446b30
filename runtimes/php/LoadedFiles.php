<?php

declare(strict_types=1);

namespace FastFN\Worker;

/** Tells the supervisor which files of the root have run: it watches them all (F65), and handlers may require more at any time. */
final class LoadedFiles
{
    /** Asking PHP for its list takes as long as it is, so not after every request. */
    private const CHECK_NS = 100_000_000;

    /** @var list<string> as told last */
    private array $told = [];
    private int $checkedNs = 0;
    private bool $isDue = false;

    public function __construct(private readonly Load $load, private readonly Connection $control)
    {
    }

    /** Code has run, so there may be more files. */
    public function expectMore(): void
    {
        $this->isDue = true;
    }

    /** How long the loop may sleep before the next check, in microseconds; null: as long as it likes. */
    public function patienceUs(): ?int
    {
        return $this->isDue ? \intdiv(self::CHECK_NS, 1_000) : null;
    }

    public function tellIfDue(): void
    {
        if ($this->isDue && \hrtime(true) - $this->checkedNs > self::CHECK_NS) {
            $this->tell();
        }
    }

    public function tell(): void
    {
        $this->checkedNs = \hrtime(true);
        $this->isDue = false;
        $files = $this->load->files();
        if ($files !== $this->told) {
            $this->told = $files;
            $loaded = ['revision' => $this->load->revision, 'concurrency' => 1, 'head' => 'raw', 'files' => $files];
            $this->control->send(Codec::json(Codec::LOADED, 0, $loaded));
            $this->control->flush();
        }
    }
}
