<?php

declare(strict_types=1);

namespace FastFN\Worker;

/** On STDOUT and STDERR: what is written becomes log lines of the request that runs and reaches no descriptor. */
final class LogFilter extends \php_user_filter
{
    /**
     * @param resource $in
     * @param resource $out
     * @param int $consumed
     */
    public function filter($in, $out, &$consumed, bool $closing): int
    {
        while (($bucket = \stream_bucket_make_writeable($in)) !== null) {
            Log::raw($this->params, $bucket->data);
            $consumed += $bucket->datalen;
        }
        return \PSFS_FEED_ME;
    }
}
