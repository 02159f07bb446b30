<?php

declare(strict_types=1);

namespace FastFN\Worker;

/** A handler returned what no answer can be made of (F105). The message reaches the client: our text, no user data. */
final class ContractViolation extends \Exception
{
}
