<?php

declare(strict_types=1);

namespace FastFN\Worker;

/** The function's callable (F66) with what it wants as arguments (F70). */
final class Handler
{
    /** @param list<\ReflectionParameter> $injected the parameters behind the event */
    private function __construct(
        private readonly \Closure $callable,
        private readonly \ReflectionFunction $signature,
        private readonly array $injected,
    ) {
    }

    /** The function of this name that was declared last, in whatever namespace; else what the file returned, if callable. */
    public static function find(string $name, mixed $returned): ?self
    {
        foreach (\array_reverse(\get_defined_functions()['user']) as $function) {
            if (\strcasecmp(\substr($function, (int) \strrpos("\\$function", '\\')), $name) === 0) {
                return self::of($function);
            }
        }
        return \is_callable($returned) ? self::of($returned) : null;
    }

    /** @param array<string, mixed> $event */
    public function answer(array $event): Answer
    {
        $result = $this->injected === []
            ? ($this->callable)($event)
            : $this->signature->invokeArgs($this->arguments($event)); // in PHP's weak mode: `int $id` takes "7"
        return Response::of($result, Output::take());
    }

    private static function of(callable $callable): self
    {
        $closure = \Closure::fromCallable($callable);
        $signature = new \ReflectionFunction($closure);
        return new self($closure, $signature, \array_slice($signature->getParameters(), 1));
    }

    /**
     * @param array<string, mixed> $event
     * @return array<int|string, mixed>
     */
    private function arguments(array $event): array
    {
        $params = $event['params'];
        $arguments = [$event];
        foreach ($this->injected as $parameter) {
            $name = $parameter->getName();
            if ($parameter->getPosition() === 1) {
                $takesMap = (string) $parameter->getType() === 'array' || !isset($params[$name]);
                $arguments[] = $takesMap ? $params : $params[$name];
            } elseif (isset($params[$name])) {
                $arguments[$name] = $params[$name];
            } elseif (!$parameter->isOptional()) {
                throw new \ArgumentCountError("the handler's parameter \$$name is no route parameter and has no default");
            }
        }
        return $arguments;
    }
}
