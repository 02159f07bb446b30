<?php

/**
 * What handlers that check credentials themselves have in common. The same functions, by the same names, exist in every
 * language (docs/helpers.md); test/vectors/auth-helpers.json holds them to one meaning.
 */

declare(strict_types=1);

namespace FastFN\Auth;

const SCOPE_CLAIMS = ['scope', 'scp', 'scopes', 'permissions'];

/** Whether two secrets are the same, in a time that tells nothing of either. Never for an empty or absent one. */
function constant_time_equal(?string $a, ?string $b): bool
{
    if ($a === null || $b === null || $a === '' || $b === '') {
        return false;
    }
    return \hash_equals(\hash('sha256', $a, true), \hash('sha256', $b, true));
}

/** The token of `Authorization: Bearer …`, else null. */
function bearer_token(array $event): ?string
{
    $header = $event['headers']['authorization'] ?? '';
    return \preg_match('/^bearer +([\x21-\x7e]+)[ \t]*$/iD', $header, $match) === 1 ? $match[1] : null;
}

/**
 * All cookies by name.
 *
 * @return array<string, string>
 */
function cookies(array $event): array
{
    return isset($event['cookies']) ? (array) $event['cookies'] : parse_cookies($event['headers']['cookie'] ?? '');
}

/** The value of one cookie, else null. */
function cookie(array $event, string $name): ?string
{
    return cookies($event)[$name] ?? null;
}

/**
 * What a token's claims allow: `scope`, `scp`, `scopes` and `permissions` together, each once, in their order.
 *
 * @return list<string>
 */
function scopes(?array $claims): array
{
    $found = \array_map(static fn (string $name): array => words($claims[$name] ?? null), SCOPE_CLAIMS);
    return \array_values(\array_unique(\array_merge(...$found)));
}

/**
 * Whether the claims hold every scope of `all` and, where `any` names some, one of them.
 *
 * @param list<string>|string $all
 * @param list<string>|string $any
 */
function has_scopes(?array $claims, array|string $all = [], array|string $any = []): bool
{
    $held = scopes($claims);
    [$needed, $options] = [required($all, 'all'), required($any, 'any')];
    return \array_diff($needed, $held) === [] && ($options === [] || \array_intersect($options, $held) !== []);
}

/**
 * A 401 that says how to authenticate; `error` is "invalid_token" for a token that was sent and is not good.
 *
 * @return array{status: int, headers: array<string, string>, body: string}
 */
function unauthorized(string $realm = 'fastfn', ?string $error = null): array
{
    return refusal(401, 'unauthorized', ['realm' => $realm] + ($error === null ? [] : ['error' => $error]));
}

/**
 * A 403 that names the scopes that are missing.
 *
 * @param list<string>|string $needed
 * @return array{status: int, headers: array<string, string>, body: string}
 */
function insufficient_scope(array|string $needed, string $realm = 'fastfn'): array
{
    $scope = \preg_replace('/[^\x20\x21\x23-\x5b\x5d-\x7e]/', '', \implode(' ', required($needed, 'needed'))); // RFC 6749, section 3.3
    return refusal(403, 'insufficient_scope', ['realm' => $realm, 'error' => 'insufficient_scope', 'scope' => $scope]);
}

/**
 * @internal
 * @param array<string, string> $parameters
 */
function refusal(int $status, string $error, array $parameters): array
{
    $challenge = [];
    foreach ($parameters as $name => $value) {
        $challenge[] = "$name=\"" . \addcslashes(\preg_replace('/[^\x20-\x7e]/', '', $value), '"\\') . '"';
    }
    $headers = ['Content-Type' => 'application/json', 'WWW-Authenticate' => 'Bearer ' . \implode(', ', $challenge)];
    return ['status' => $status, 'headers' => $headers, 'body' => "{\"error\":\"$error\"}"];
}

/**
 * Like the platform itself: no decoding, the last of equal names wins.
 *
 * @internal
 */
function parse_cookies(string $header): array
{
    $found = [];
    foreach (\explode(';', $header) as $pair) {
        if (\str_contains($pair, '=')) {
            [$name, $value] = \explode('=', $pair, 2);
            $found[\trim($name, " \t")] = \trim($value, " \t");
        }
    }
    return $found;
}

/**
 * @internal
 * @return list<string>
 */
function words(mixed $value): array
{
    if (\is_string($value)) {
        return \preg_split('/[ \t\r\n,]+/', $value, -1, \PREG_SPLIT_NO_EMPTY);
    }
    $isWord = static fn (mixed $entry): bool => \is_string($entry) && $entry !== '';
    return \is_array($value) && \array_is_list($value) ? \array_values(\array_filter($value, $isWord)) : [];
}

/**
 * A mistake in a handler's own list must not open it.
 *
 * @internal
 * @return list<string>
 */
function required(array|string $value, string $name): array
{
    if (\is_array($value) && (!\array_is_list($value) || \array_filter($value, '\is_string') !== $value)) {
        throw new \TypeError("$name must be a list of scopes, or a string of them");
    }
    return words($value);
}
