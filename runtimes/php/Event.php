<?php

declare(strict_types=1);

namespace FastFN\Worker;

/**
 * Makes events (F74) of raw request heads. An event is a plain array, as are the maps in it: handlers type it `array` and
 * call array functions on its members, which no object would allow. So an empty map is `[]` to json_encode.
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
    private array $blocks = [];

    /** @var array<string, mixed> `event.context` with what each request fills in */
    private readonly array $context;

    /**
     * @param array<string, mixed> $context the `context` of LOAD or CONTEXT
     * @param array<string, string> $env
     */
    public function __construct(array $context, private readonly array $env)
    {
        $own = ['deadline_ms' => 0, 'gateway' => [], 'user' => null, 'trigger' => null];
        $this->context = ['request_id' => ''] + $context + ['version' => 'default', 'timeout_ms' => 0] + $own;
    }

    /**
     * @param int $now epoch milliseconds at which the handler begins: its deadline counts from there
     * @return array<string, mixed>
     */
    public function create(string $head, string $body, int $now): array
    {
        $fields = \explode("\0", $head, 7);
        if (\count($fields) !== 7) {
            throw new ProtocolError('a request head of fewer than seven fields');
        }
        [$id, $ts, $gatewayPid, $clientIp, $path, $extra, $rest] = $fields;
        $isUtf8 = Text::isUtf8($head); // then each of its fields is
        [$params, $request] = self::params($rest, $isUtf8);
        [$method, $target, $block] = self::requestLine($request);
        $mark = \strpos($target, '?');
        $query = $mark === false ? '' : \substr($target, $mark + 1);
        if ($path === '') {
            $path = $mark === false ? $target : \substr($target, 0, $mark);
        }
        [$headers, $cookies, $session] = $this->blocks[$block] ?? $this->headers($block);
        $extra = $extra === '' ? [] : Codec::object($extra);
        $isText = $body === '' || Text::isUtf8($body);

        $context = $this->context;
        $context['request_id'] = $id;
        $context['version'] = $extra['version'] ?? $context['version'];
        $context['deadline_ms'] = $now + $context['timeout_ms'];
        $context['gateway'] = ['worker_pid' => (int) $gatewayPid];
        $context['user'] = $extra['user'] ?? null;
        $context['trigger'] = $extra['trigger'] ?? null;
        $event = [
            'id' => $id,
            'ts' => (int) $ts,
            'method' => $method,
            'path' => $isUtf8 ? $path : Text::fromBytes($path),
            'raw_path' => $isUtf8 ? $target : Text::fromBytes($target),
            'query_string' => $isUtf8 ? $query : Text::fromBytes($query),
            'query' => $query === '' ? [] : self::query($query, $isUtf8),
            'params' => $params,
            'path_params' => $params,
            'headers' => $headers,
            'body' => $body === '' ? null : ($isText ? $body : \base64_encode($body)),
            'is_base64' => !$isText,
            'cookies' => $cookies,
            'session' => $session,
            'client' => ['ip' => $clientIp, 'ua' => $headers['user-agent'] ?? null],
            'auth' => $extra['auth'] ?? null,
            'version' => $context['version'],
            'env' => $this->env,
            'context' => $context,
            'raw_body' => $body,
        ];
        if (!$isText) {
            $event['body_base64'] = $event['body'];
        }
        return $event;
    }

    /** @return array{array<string, string>, string} the parameters, and what follows them */
    private static function params(string $rest, bool $isUtf8): array
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
            $value = $fields[$i + 1];
            $params[$fields[$i]] = $isUtf8 ? $value : Text::fromBytes($value);
        }
        return [$params, $fields[$last]];
    }

    /** @return array{string, string, string} method, target without authority and fragment, header block */
    private static function requestLine(string $request): array
    {
        $end = \strpos($request, "\n");
        $space = \strpos($request, ' ');
        if ($end === false || $space === false || $space === 0 || $space > $end) {
            throw new ProtocolError('a request head without request line');
        }
        $target = \ltrim(\substr($request, $space, $end - $space), ' ');
        $target = \substr($target, 0, \strcspn($target, " \r#"));
        if ($target === '' || $target[0] !== '/') {
            $target = \preg_replace('~^[A-Za-z][A-Za-z0-9+.-]*://[^/?]*~', '', $target);
        }
        return [\substr($request, 0, $space), $target, \substr($request, $end + 1)];
    }

    /** F77. @return array<string, string|list<string>> */
    private static function query(string $query, bool $isUtf8): array
    {
        $isPlain = $isUtf8 && \strpbrk($query, '%+') === false;
        $arguments = [];
        foreach (\explode('&', $query) as $piece) {
            if ($piece === '') {
                continue;
            }
            $equals = \strpos($piece, '=');
            $name = $equals === false ? $piece : \substr($piece, 0, $equals);
            $value = $equals === false ? '' : \substr($piece, $equals + 1);
            if (!$isPlain) {
                $name = Text::fromBytes(\urldecode($name));
                $value = Text::fromBytes(\urldecode($value));
            }
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
    private function headers(string $block): array
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
        $this->keep($block, $parsed);
        return $parsed;
    }

    /** @param array{array<string, string>, array<string, string>, ?array<string, mixed>} $parsed */
    private function keep(string $block, array $parsed): void
    {
        if (\strlen($block) > self::KEPT_BLOCK_BYTES) {
            return;
        }
        if (\count($this->blocks) >= self::KEPT_BLOCKS) {
            $this->blocks = [];
        }
        $this->blocks[$block] = $parsed;
    }

    /** F81. @return array<string, string> */
    private static function cookies(string $header): array
    {
        $cookies = [];
        foreach (\explode(';', $header) as $piece) {
            $pair = \explode('=', $piece, 2);
            if (\count($pair) === 2) {
                $cookies[\trim($pair[0], " \t")] = \trim($pair[1], " \t");
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
