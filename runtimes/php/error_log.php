<?php

declare(strict_types=1);

use FastFN\Worker\Log;

/**
 * PHP's own writes to descriptor 2, where nobody can tell which request a line belongs to (F106). This one takes its place
 * where the process was started with `-d disable_functions=error_log`: a name that is disabled is free.
 */
function error_log(string $message, int $message_type = 0, ?string $destination = null, ?string $additional_headers = null): bool
{
    if ($message_type === 1) {
        return mail((string) $destination, 'PHP error_log message', $message, (string) $additional_headers);
    }
    if ($message_type === 3) {
        return file_put_contents((string) $destination, $message, FILE_APPEND) !== false;
    }
    Log::text('stderr', 'error', $message);
    return true;
}
