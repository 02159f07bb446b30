<?php

declare(strict_types=1);

namespace FastFN\Worker;

/** The LOAD frame: what this process is to serve. */
final class Load
{
    /** Files that every function finds unless it has its own of that name (docs/helpers.md). */
    private const HELPERS = __DIR__ . '/../../helpers/php';

    /**
     * @param array<string, string> $env
     * @param list<string> $paths dependency folders
     * @param array<string, mixed> $context what every `event.context` starts from
     */
    private function __construct(
        public readonly string $function,
        public readonly string $revision,
        public readonly string $root,
        public readonly string $dir,
        public readonly string $entry,
        public readonly string $handler,
        public readonly array $env,
        public readonly array $paths,
        public readonly array $context,
    ) {
    }

    public static function parse(string $json): self
    {
        $load = Codec::object($json);
        try {
            return new self(
                $load['function'],
                $load['revision'],
                $load['root'],
                $load['dir'],
                $load['entry'],
                ($load['handler'] ?? '') ?: 'handler',
                $load['env'] ?? [],
                $load['paths'] ?? [],
                $load['context'] ?? [],
            );
        } catch (\TypeError $error) {
            throw new ProtocolError('LOAD lacks a member or has one of the wrong type', 0, $error);
        }
    }

    /** Folder, include path and environment, before any of the function's code runs (F115, F133). */
    public function enter(): void
    {
        \chdir($this->dir);
        $folders = [$this->dir, ...$this->paths, $this->root, \get_include_path(), self::HELPERS];
        \set_include_path(\implode(\PATH_SEPARATOR, $folders));
        foreach ($this->env as $name => $value) {
            \putenv("$name=$value");
            $_SERVER[$name] = $value;
        }
        $_ENV = \getenv();
    }

    /**
     * The files under the root that have run, without dependency folders and this worker's own.
     *
     * @return list<string>
     */
    public function files(): array
    {
        $root = \rtrim(\realpath($this->root) ?: $this->root, '/') . '/';
        $dependencies = [__DIR__, ...$this->paths];
        $isOwn = static function (string $file) use ($root, $dependencies): bool {
            foreach ($dependencies as $folder) {
                if (\str_starts_with($file, $folder . '/')) {
                    return false;
                }
            }
            return \str_starts_with($file, $root) && !\str_contains(\substr($file, \strlen($root) - 1), '/vendor/');
        };
        return \array_values(\array_unique([$this->entry, ...\array_filter(\get_included_files(), $isOwn)]));
    }
}
