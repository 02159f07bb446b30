<?php

declare(strict_types=1);

namespace FastFN\Worker;

/** The peer broke FNP/1: its connection is closed, and nothing else. */
final class ProtocolError extends \Exception
{
}
