<?php

declare(strict_types=1);

namespace FastFN\Worker;

/**
 * Makes the event (F74) of a raw request head. It is a plain array, as are the maps in it: handlers type it `array`
 * and call array functions on its members, which no object would allow. So an empty map is `[]` to json_encode.
 */
final class Event
{
    /** Not forwarded (F80), beside what `connection` names. */
    private const DROPPED_HEADERS = [
        'x-fn-admin-token' => true, 'connection' => true, 'keep-alive' => true, 'te' => true, 'trailer' => true,
        'transfer-encoding' => true, 'upgrade' => true, 'proxy-authorization' => true, 'proxy-connection' => true,
    ];

    /** Clients repeat their header block, so parsed blocks are kept; both bounds keep them below 1 MiB. */
    private const KEPT_BLOCKS = 256;
    private const KEPT_BLOCK_BYTES = 2_048;

    /** @var array<string, array{array<string, string>, array<string, string>, ?array<string, mixed>}> */
    private static array $blocks = [];

    /**
     * @param array<string, mixed> $context the `context` of LOAD or CONTEXT
     * @param array<string, string> $env
     * @param int $now epoch milliseconds at which the handler begins: its deadline counts from there
     * @return array<string, mixed>
     */
    public static function create(string $head, string $body, array $context, array $env, int $now): array
    {
        $fields = \explode("\0", $head, 7);
        if (\count($fields) !== 7) {
            throw new ProtocolError('a request head of fewer than seven fields');
        }
        [$id, $ts, $gatewayPid, $clientIp, $path, $extra, $rest] = $fields;
        [$params, $request] = self::params($rest);
        [$method, $target, $block] = self::requestLine($request);
        [$rawPath, $query] = \explode('?', $target, 2) + [1 => ''];
        [$headers, $cookies, $session] = self::$blocks[$block] ?? self::headers($block);
        $extra = $extra === '' ? [] : Codec::object($extra);
        $version = $extra['version'] ?? $context['version'] ?? 'default';
        $isText = $body === '' || Text::isUtf8($body);

        $event = [
            'id' => $id,
            'ts' => (int) $ts,
            'method' => $method,
            'path' => Text::fromBytes($path === '' ? $rawPath : $path),
            'raw_path' => Text::fromBytes($target),
            'query_string' => Text::fromBytes($query),
            'query' => $query === '' ? [] : self::query($query),
            'params' => $params,
            'path_params' => $params,
            'headers' => $headers,
            'body' => $body === '' ? null : ($isText ? $body : \base64_encode($body)),
            'is_base64' => !$isText,
            'cookies' => $cookies,
            'session' => $session,
            'client' => ['ip' => $clientIp, 'ua' => $headers['user-agent'] ?? null],
            'auth' => $extra['auth'] ?? null,
            'version' => $version,
            'env' => $env,
            'context' => [
                'request_id' => $id,
                ...$context,
                'version' => $version,
                'deadline_ms' => $now + ($context['timeout_ms'] ?? 0),
                'gateway' => ['worker_pid' => (int) $gatewayPid],
                'user' => $extra['user'] ?? null,
                'trigger' => $extra['trigger'] ?? null,
            ],
            'raw_body' => $body,
        ];
        if (!$isText) {
            $event['body_base64'] = $event['body'];
        }
        return $event;
    }

    /** @return array{array<string, string>, string} the parameters, and what follows them */
    private static function params(string $rest): array
    {
        if (\str_starts_with($rest, "0\0")) {
            return [[], \substr($rest, 2)];
        }
        [$count, $rest] = \explode("\0", $rest, 2) + [1 => ''];
        if (\preg_match('/^\d{1,4}$/D', $count) !== 1) {
            throw new ProtocolError('a request head without a number of parameters');
        }
        $last = 2 * (int) $count;
        $fields = \explode("\0", $rest, $last + 1);
        if (\count($fields) !== $last + 1) {
            throw new ProtocolError('a request head with fewer parameters than it says');
        }
        $params = [];
        for ($i = 0; $i < $last; $i += 2) {
            $params[Text::fromBytes($fields[$i])] = Text::fromBytes($fields[$i + 1]);
        }
        return [$params, $fields[$last]];
    }

    /** @return array{string, string, string} method, target without authority and fragment, header block */
    private static function requestLine(string $request): array
    {
        $end = \strpos($request, "\n");
        if ($end === false || \preg_match('~^(\S+) +(\S*)~', $request, $line) !== 1) {
            throw new ProtocolError('a request head without request line');
        }
        [, $method, $target] = $line;
        if ($target === '' || $target[0] !== '/') {
            $target = \preg_replace('~^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*~', '', $target);
        }
        $fragment = \strpos($target, '#');
        return [$method, $fragment === false ? $target : \substr($target, 0, $fragment), \substr($request, $end + 1)];
    }

    /** F77. @return array<string, string|list<string>> */
    private static function query(string $query): array
    {
        $arguments = [];
        foreach (\explode('&', $query) as $piece) {
            if ($piece === '') {
                continue;
            }
            [$name, $value] = \explode('=', $piece, 2) + [1 => ''];
            $name = Text::fromBytes(\urldecode($name));
            $value = Text::fromBytes(\urldecode($value));
            if (!isset($arguments[$name])) {
                $arguments[$name] = $value;
            } elseif (\is_array($arguments[$name])) {
                $arguments[$name][] = $value;
            } else {
                $arguments[$name] = [$arguments[$name], $value];
            }
        }
        return $arguments;
    }

    /**
     * F79-F81: headers, cookies, session.
     *
     * @return array{array<string, string>, array<string, string>, ?array<string, mixed>}
     */
    private static function headers(string $block): array
    {
        $headers = [];
        foreach (\explode("\n", $block) as $line) {
            $colon = \strpos($line, ':');
            if ($colon === false) {
                continue;
            }
            $name = \strtolower(\substr($line, 0, $colon));
            $value = \substr($line, $colon + 1);
            $value = \trim(\str_ends_with($value, "\r") ? \substr($value, 0, -1) : $value, " \t");
            $value = Text::fromBytes($value);
            $headers[$name] = isset($headers[$name])
                ? $headers[$name] . ($name === 'cookie' ? '; ' : ', ') . $value
                : $value;
        }
        foreach (\explode(',', \strtolower($headers['connection'] ?? '')) as $named) {
            unset($headers[\trim($named, " \t")]);
        }
        $headers = \array_diff_key($headers, self::DROPPED_HEADERS);
        $cookies = self::cookies($headers['cookie'] ?? '');
        $parsed = [$headers, $cookies, self::session($headers['cookie'] ?? null, $cookies)];
        self::keep($block, $parsed);
        return $parsed;
    }

    /** @param array{array<string, string>, array<string, string>, ?array<string, mixed>} $parsed */
    private static function keep(string $block, array $parsed): void
    {
        if (\strlen($block) > self::KEPT_BLOCK_BYTES) {
            return;
        }
        if (\count(self::$blocks) >= self::KEPT_BLOCKS) {
            self::$blocks = [];
        }
        self::$blocks[$block] = $parsed;
    }

    /** F81. @return array<string, string> */
    private static function cookies(string $header): array
    {
        $cookies = [];
        foreach (\explode(';', $header) as $piece) {
            $pair = \explode('=', \trim($piece), 2);
            if (\count($pair) === 2) {
                $cookies[$pair[0]] = $pair[1];
            }
        }
        return $cookies;
    }

    /**
     * F81.
     *
     * @param array<string, string> $cookies
     * @return ?array<string, mixed>
     */
    private static function session(?string $raw, array $cookies): ?array
    {
        if ($raw === null) {
            return null;
        }
        $id = $cookies['session_id'] ?? $cookies['sessionid'] ?? $cookies['sid'] ?? null;
        return ['id' => $id, 'raw' => $raw, 'cookies' => $cookies];
    }
}
