<?php

declare(strict_types=1);

namespace FastFN\Worker;

/**
 * What an entry file's text says before any of it runs: whether running it is a request's business (a script) or the
 * worker's (a file that declares or returns a handler). Without PHP's tokenizer extension only `declares` knows anything, so no
 * constant of this class may name a token.
 */
final class Source
{
    /** @param list<\PhpToken> $tokens without whitespace and comments */
    private function __construct(private readonly string $file, private readonly string $text, private readonly array $tokens)
    {
    }

    /** @throws \ErrorException for a syntax error */
    public static function read(string $file): self
    {
        $text = \file_get_contents($file);
        if ($text === false) {
            throw new \ErrorException("$file cannot be read");
        }
        if (!\class_exists(\PhpToken::class)) {
            return new self($file, $text, []);
        }
        try {
            $tokens = \PhpToken::tokenize($text, \TOKEN_PARSE);
        } catch (\ParseError $error) {
            throw new \ErrorException($error->getMessage(), 0, \E_PARSE, $file, $error->getLine());
        }
        return new self($file, $text, \array_values(\array_filter($tokens, static fn (\PhpToken $token): bool => !$token->isIgnorable() || $token->is(\T_OPEN_TAG))));
    }

    /** Whether the file may declare a function of this name; a method is taken for one only if it has no modifier. */
    public function declares(string $name): bool
    {
        $modifier = '(?<!public |private |protected |static |abstract |final )';
        $pattern = '~' . $modifier . '(?<![\w$>:\\\\])function ?&? ?' . \preg_quote($name, '~') . ' ?\(~i';
        return \preg_match($pattern, \php_strip_whitespace($this->file)) === 1;
    }

    /** Whether a statement at top level returns a closure, a new object or a variable. */
    public function returnsCallable(): bool
    {
        foreach ($this->statements() as $index) {
            $value = $this->tokens[$index + 1] ?? null;
            if ($this->tokens[$index]->is(\T_RETURN) && $value?->is([\T_FUNCTION, \T_FN, \T_STATIC, \T_NEW, \T_VARIABLE])) {
                return true;
            }
        }
        return false;
    }

    /**
     * The code, for eval, to run again in a process that has run the file once: without the functions, classes and
     * constants of its top level, which exist already. Lines keep their numbers. Null if there are none.
     */
    public function withoutDeclarations(): ?string
    {
        $code = '';
        $offset = 0;
        foreach ($this->statements() as $index) {
            $token = $this->tokens[$index];
            if ($token->pos < $offset || !$this->isDeclaration($index)) {
                continue;
            }
            $end = $this->declarationEnd($index);
            $cut = \substr($this->text, $token->pos, $end - $token->pos);
            $code .= \substr($this->text, $offset, $token->pos - $offset) . ';' . \str_repeat("\n", \substr_count($cut, "\n"));
            $offset = $end;
        }
        if ($offset === 0) {
            return null;
        }
        $code = $this->withOwnPlace($code . \substr($this->text, $offset));
        return \str_starts_with($code, '<?php') ? \substr($code, 5) : '?>' . $code;
    }

    /** Inside eval, __FILE__ and __DIR__ would name this worker. */
    private function withOwnPlace(string $code): string
    {
        $place = [\T_FILE => \var_export($this->file, true), \T_DIR => \var_export(\dirname($this->file), true)];
        return \implode('', \array_map(
            static fn (\PhpToken $token): string => $place[$token->id] ?? $token->text,
            \PhpToken::tokenize($code),
        ));
    }

    /** @return iterable<int> indices of the tokens that begin a statement outside of all braces but a namespace's */
    private function statements(): iterable
    {
        $depth = 0;
        $isNamespace = false;
        $begins = true;
        foreach ($this->tokens as $index => $token) {
            if ($begins && $depth === 0) {
                $isNamespace = $token->is(\T_NAMESPACE);
                yield $index;
            }
            $begins = $token->is([';', '}', \T_OPEN_TAG, \T_CLOSE_TAG]);
            if ($token->is(['{', \T_CURLY_OPEN, \T_DOLLAR_OPEN_CURLY_BRACES])) {
                $depth += $isNamespace && $depth === 0 ? 0 : 1;
                $begins = $depth === 0;
                $isNamespace = false;
            } elseif ($token->is('}')) {
                $depth = \max(0, $depth - 1);
            }
        }
    }

    private function isDeclaration(int $index): bool
    {
        $token = $this->tokens[$index];
        if (!$token->is(\T_FUNCTION)) {
            return $token->is([\T_CLASS, \T_INTERFACE, \T_TRAIT, \T_ENUM, \T_ABSTRACT, \T_FINAL, \T_READONLY, \T_CONST, \T_ATTRIBUTE]);
        }
        $name = $this->tokens[$index + 1]->is('&') ? $index + 2 : $index + 1;
        return $this->tokens[$name]->is(\T_STRING);
    }

    /** Offset in the text behind the declaration's last brace, or the semicolon of a constant. */
    private function declarationEnd(int $index): int
    {
        $isConstant = $this->tokens[$index]->is(\T_CONST);
        for ($depth = 0; isset($this->tokens[$index]); ++$index) {
            $token = $this->tokens[$index];
            if ($token->is(['{', \T_CURLY_OPEN, \T_DOLLAR_OPEN_CURLY_BRACES])) {
                ++$depth;
            } elseif ($token->is('}')) {
                --$depth;
            }
            if ($depth === 0 && $token->is($isConstant ? ';' : '}')) {
                return $token->pos + \strlen($token->text);
            }
        }
        return \strlen($this->text);
    }
}
