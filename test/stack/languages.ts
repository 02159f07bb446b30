import type { Files } from './support.ts';

/** The languages of the contract; `dir` is where their files lie in a test's project, and the first part of their paths. */
export interface Language {
  readonly dir: 'js' | 'py' | 'ph' | 'lu';
  readonly runtime: 'node' | 'python' | 'php' | 'lua';
  readonly extension: string;
}

export const LANGUAGES: readonly Language[] = [
  { dir: 'js', runtime: 'node', extension: 'js' },
  { dir: 'py', runtime: 'python', extension: 'py' },
  { dir: 'ph', runtime: 'php', extension: 'php' },
  { dir: 'lu', runtime: 'lua', extension: 'lua' },
];

/** Source of one thing in each language, by folder. */
export type Sources = Readonly<Record<Language['dir'], string>>;

/** `<dir>/<name>.<extension>` for each language: the routes `/<dir>/<name>`. */
export function inEachLanguage(name: string, sources: Partial<Sources>): Files {
  const languages = LANGUAGES.filter(({ dir }) => sources[dir] !== undefined);
  return Object.fromEntries(
    languages.map(({ dir, extension }) => [`${dir}/${name}.${extension}`, sources[dir] as string]),
  );
}

/** Answers with its event as JSON. */
export const ECHO_EVENT: Sources = {
  js: 'exports.handler = (event) => ({ body: event });',
  py: 'def handler(event):\n    return {"body": event}\n',
  ph: '<?php function handler($event) { unset($event["raw_body"]); return ["body" => $event]; }',
  lu: 'function handler(event) event.raw_body = nil return { body = event } end',
};

/** Answers with its body as it came, byte by byte. */
export const ECHO_BODY: Sources = {
  js: 'exports.handler = (event) => event.raw_body;',
  py: 'def handler(event):\n    return event.raw_body\n',
  ph: '<?php function handler($event) { return ["headers" => ["Content-Type" => "application/octet-stream"], "body" => $event["raw_body"]]; }',
  lu: 'function handler(event) return { headers = { ["Content-Type"] = "application/octet-stream" }, body = event.raw_body } end',
};

/** Answers with the value of the expression in its body, where `event` is the event. */
export const EVALUATE: Sources = {
  js: "exports.handler = (event) => eval('(' + event.body + ')');",
  py: 'def handler(event):\n    return eval(event["body"])\n',
  ph: '<?php function handler($event) { return eval("return " . $event["body"] . ";"); }',
  lu: 'function handler(event) return assert(loadstring("local event = ... return " .. event.body))(event) end',
};

/** Answers with the value its body describes in JSON. */
export const FROM_JSON: Sources = {
  js: 'exports.handler = (event) => JSON.parse(event.body);',
  py: 'import json\ndef handler(event):\n    return json.loads(event["body"])\n',
  ph: '<?php function handler($event) { return json_decode($event["body"], true, 512, JSON_THROW_ON_ERROR); }',
  lu: 'function handler(event) return cjson.decode(event.body) end',
};
