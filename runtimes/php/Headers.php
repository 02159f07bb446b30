<?php

declare(strict_types=1);

namespace FastFN\Worker;

/** The headers of an envelope (F89), checked (F105) and flat: name, value, name, value, … */
final class Headers
{
    private const KEPT_NAMES = 256;
    private const MAX_BYTES = 524_288; // with a body of 256 KiB still a frame

    /** @var array<string, bool> names that were checked: whether it is Content-Type */
    private static array $names = [];

    /** @param list<string> $lines */
    private function __construct(private readonly array $lines, private readonly ?string $type)
    {
    }

    public static function of(mixed $map): self
    {
        $map = $map instanceof \stdClass ? (array) $map : $map;
        if (!\is_array($map) || ($map !== [] && \array_is_list($map))) {
            throw new ContractViolation('headers is not a map');
        }
        $lines = [];
        $type = null;
        foreach ($map as $name => $value) {
            $isType = self::$names[$name] ?? self::isContentType((string) $name);
            foreach (\is_array($value) && \array_is_list($value) ? $value : [$value] as $line) {
                if ($line === null) {
                    continue;
                }
                $text = self::value($line);
                $lines[] = (string) $name;
                $lines[] = $text;
                if ($isType) {
                    $type = $text;
                }
            }
        }
        return new self($lines, $type);
    }

    /** The JSON list of an answer with no headers but its type. */
    public static function only(?string $type): string
    {
        return $type === null ? '[]' : '["Content-Type","' . $type . '"]';
    }

    /** The JSON list; $type is used where the handler set none. */
    public function with(?string $type): string
    {
        if ($this->lines === []) {
            return self::only($type);
        }
        $json = \json_encode(
            $this->type === null && $type !== null ? [...$this->lines, 'Content-Type', $type] : $this->lines,
            \JSON_UNESCAPED_UNICODE | \JSON_UNESCAPED_SLASHES,
        );
        if ($json === false) {
            throw new ContractViolation('a header value is not UTF-8');
        }
        if (\strlen($json) > self::MAX_BYTES) {
            throw new ContractViolation('headers of more than 512 KiB');
        }
        return $json;
    }

    public function isCsv(): bool
    {
        return $this->type !== null && \preg_match('~^\s*text/csv\s*(;|$)~iD', $this->type) === 1;
    }

    private static function isContentType(string $name): bool
    {
        if (\preg_match('/^[!#$%&\'*+\-.^_`|~0-9A-Za-z]+$/D', $name) !== 1) {
            throw new ContractViolation('a header name is not a token');
        }
        $isType = \strcasecmp($name, 'content-type') === 0;
        if (\count(self::$names) < self::KEPT_NAMES) {
            self::$names[$name] = $isType;
        }
        return $isType;
    }

    private static function value(mixed $value): string
    {
        $text = match (true) {
            \is_string($value) => $value,
            \is_bool($value) => $value ? 'true' : 'false',
            \is_int($value) => (string) $value,
            \is_float($value) => Json::encode($value),
            default => throw new ContractViolation('a header value is of a composite type'),
        };
        if (\strcspn($text, "\r\n\0") !== \strlen($text)) {
            throw new ContractViolation('a header value has CR, LF or NUL');
        }
        return $text;
    }
}
