<?php

/**
 * A function worker: `php main.php <socket path>`, descriptor 3 a pipe (docs/protocol.md). The entry is included here, at
 * top level, so that its variables are the globals that its functions name; this file leaves none of its own.
 */

declare(strict_types=1);

namespace FastFN\Worker;

if (\function_exists('error_log') && \function_exists('pcntl_exec')) {
    // Only a command line can free the name (see error_log.php); one that has done so saves this second start.
    \pcntl_exec(\PHP_BINARY, [
        ...['-d', 'disable_functions=' . \ltrim(\ini_get('disable_functions') . ',error_log', ',')],
        ...[__FILE__, $argv[1]],
    ]);
}

require __DIR__ . '/Codec.php';
require __DIR__ . '/ProtocolError.php';
require __DIR__ . '/ContractViolation.php';
require __DIR__ . '/Connection.php';
require __DIR__ . '/Connections.php';
require __DIR__ . '/Load.php';
require __DIR__ . '/LoadedFiles.php';
require __DIR__ . '/Text.php';
require __DIR__ . '/Event.php';
require __DIR__ . '/Json.php';
require __DIR__ . '/Csv.php';
require __DIR__ . '/Chunks.php';
require __DIR__ . '/Answer.php';
require __DIR__ . '/Headers.php';
require __DIR__ . '/Response.php';
require __DIR__ . '/Log.php';
require __DIR__ . '/LogFilter.php';
require __DIR__ . '/Output.php';
require __DIR__ . '/Failure.php';
require __DIR__ . '/Source.php';
require __DIR__ . '/Handler.php';
require __DIR__ . '/Script.php';
require __DIR__ . '/Stream.php';
require __DIR__ . '/Intake.php';
require __DIR__ . '/Worker.php';

if (!\function_exists('error_log')) {
    require __DIR__ . '/error_log.php';
}

\set_time_limit(0);

Worker::$current = new Worker($argv[1]);
\fwrite(\fopen('php://fd/3', 'w'), "listening\n");
Worker::$current->awaitLoad();
try {
    Worker::$current->begin(Worker::$current->includesEntry() ? include Worker::$current->entry() : null);
} catch (\Throwable $error) {
    Worker::$current->refuse('handler error', Failure::message($error), Failure::stack($error));
}
Worker::$current->run();
