'use strict';

const { requireHandler } = require('./callable.js');
const { ContractError } = require('./contract-error.js');
const { createEvent } = require('./event.js');

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** What AWS gives a function that asks for nothing; nothing here enforces it. */
const MEMORY_LIMIT_MB = '128';

/** F109, aws-lambda: payload 2.0 in, `(event, context, callback)`; the first of callback, promise and return wins. */
function lambda(exported, name, entry) {
  const handler = requireHandler(exported, name, entry);
  const waitsForCallback = handler.length >= 3;
  return async (stream) => {
    const source = createEvent(stream);
    return toEnvelope(await settleFirst(handler, gatewayEvent(source, stream.head.line), source, waitsForCallback));
  };
}

function settleFirst(handler, event, source, waitsForCallback) {
  return new Promise((resolve, reject) => {
    const done = (error, value) => (error === null || error === undefined ? resolve(value) : reject(error));
    const result = handler(event, lambdaContext(source, done), done);
    if (result !== undefined || !waitsForCallback) resolve(result);
  });
}

function gatewayEvent(source, line) {
  const { method, path, headers, client, cookies } = source;
  return {
    version: '2.0',
    routeKey: `${method} ${path}`,
    rawPath: line.path,
    rawQueryString: source.query_string,
    ...(headers.cookie === undefined ? {} : { cookies: cookieLines(cookies) }),
    headers,
    queryStringParameters: joinRepeats(source.query),
    pathParameters: nullIfEmpty(source.params),
    requestContext: {
      requestId: source.id,
      http: { method, path, sourceIp: client.ip, userAgent: client.ua, protocol: line.protocol },
      time: accessLogTime(new Date(source.ts)),
      timeEpoch: source.ts,
    },
    body: source.body,
    isBase64Encoded: source.is_base64,
  };
}

function cookieLines(cookies) {
  return Object.entries(cookies).map(([name, value]) => `${name}=${value}`);
}

function joinRepeats(query) {
  const joined = Object.entries(query).map(([name, value]) => [name, String(value)]);
  return nullIfEmpty(Object.fromEntries(joined));
}

function nullIfEmpty(map) {
  return Object.keys(map).length === 0 ? null : map;
}

/** `12/Mar/2026:19:03:58 +0000`, the form of API Gateway. */
function accessLogTime(date) {
  const two = (number) => String(number).padStart(2, '0');
  const day = `${two(date.getUTCDate())}/${MONTHS[date.getUTCMonth()]}/${date.getUTCFullYear()}`;
  return `${day}:${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}

function lambdaContext(source, done) {
  const { context } = source;
  return {
    awsRequestId: context.request_id,
    functionName: context.function_name,
    functionVersion: context.version,
    invokedFunctionArn: `arn:aws:lambda:local:000000000000:function:${context.function_name}:${context.version}`,
    memoryLimitInMB: MEMORY_LIMIT_MB,
    callbackWaitsForEmptyEventLoop: false,
    fastfn: context,
    getRemainingTimeInMillis: () => Math.max(0, context.deadline_ms - Date.now()),
    done,
    fail: (error) => done(error ?? new Error('context.fail was called')),
    succeed: (value) => done(null, value),
  };
}

/** `multiValueHeaders` and `cookies` become lines of `headers`; the rest is F88. */
function toEnvelope(result) {
  if (typeof result !== 'object' || result === null) return result;
  const { multiValueHeaders, cookies } = result;
  if (!multiValueHeaders && !cookies) return result;
  if (multiValueHeaders && (typeof multiValueHeaders !== 'object' || Array.isArray(multiValueHeaders))) {
    throw new ContractError('multiValueHeaders is not a map');
  }
  if (cookies && !Array.isArray(cookies)) throw new ContractError('cookies is not a list');
  return { ...result, headers: mergeHeaders(result.headers, multiValueHeaders, cookies) };
}

/** As API Gateway does: a name with several values wins over the same name with one. */
function mergeHeaders(headers, multiValueHeaders, cookies) {
  const merged = { ...multiValueHeaders };
  const taken = new Set(Object.keys(merged).map((name) => name.toLowerCase()));
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (!taken.has(name.toLowerCase())) merged[name] = value;
  }
  if (!cookies) return merged;
  const name = Object.keys(merged).find((spelling) => spelling.toLowerCase() === 'set-cookie') ?? 'Set-Cookie';
  return { ...merged, [name]: [merged[name], cookies].flat() };
}

module.exports = { lambda };
