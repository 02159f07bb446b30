import { describe, expect, test } from 'vitest';
import { readHints, readInlineRequirements } from '../../src/functions/hints.ts';

describe('F130: hints are comment lines with @key value', () => {
  test.each([
    ['# @summary Says hello', { summary: 'Says hello' }],
    ['// @summary Says hello', { summary: 'Says hello' }],
    ['-- @summary Says hello', { summary: 'Says hello' }],
    ['/**\n * @summary Says hello\n */', { summary: 'Says hello' }],
    ['/** @summary Says hello */', { summary: 'Says hello' }],
    ['<?php\n// @methods GET,POST', { methods: ['GET', 'POST'] }],
    ['#@methods post get', { methods: ['GET', 'POST'] }],
    ['# @query {"name": "Ada"}', { query: { name: 'Ada' } }],
    ['# @body plain text', { body: 'plain text' }],
    ['# @content_type text/csv', { contentType: 'text/csv' }],
    ['// @summary first\n// @summary second', { summary: 'first' }],
    ['// @summary a\r\n// @methods PUT\r\n', { summary: 'a', methods: ['PUT'] }],
  ])('%j', (source, hints) => expect(readHints(source)).toEqual(hints));

  test.each(['const x = "@summary no";', '@methods POST', '// @author Ada', 'x = 1  # @methods POST'])(
    '%j is no hint',
    (source) => expect(readHints(source)).toEqual({}),
  );

  test.each([
    ['// @methods FETCH', 'line 1: @methods FETCH'],
    ['\n# @query {not json}', 'line 2: @query {not json}'],
    ['/* @query [1] */', 'line 1: @query [1]'],
  ])('P237: %j is a hint that does not parse: ignored, but said', (source, ignored) => {
    expect(readHints(source)).toEqual({ ignored: [ignored] });
  });

  test('P237: the others of a file count all the same', () => {
    expect(readHints('# @query {\n# @summary Kept\n# @query {"a": 1}')).toEqual({
      summary: 'Kept',
      query: { a: 1 },
      ignored: ['line 1: @query {'],
    });
  });

  test('line 80 counts, line 81 does not', () => {
    expect(readHints(`${'\n'.repeat(79)}// @summary late`)).toEqual({ summary: 'late' });
    expect(readHints(`${'\n'.repeat(80)}// @summary late`)).toEqual({});
  });
});

describe('section 5.1: inline requirements of a Python entry', () => {
  test.each([
    ['#@requirements requests flask', ['requests', 'flask']],
    ['#@requirements requests,flask', ['requests', 'flask']],
    ['# @requirements requests>=2,<3, flask==3.0', ['requests>=2,<3', 'flask==3.0']],
    ['#requirements uvicorn[standard,watch]~=0.30', ['uvicorn[standard,watch]~=0.30']],
    ['#@requirements a\n#@requirements b', ['a', 'b']],
    ['# requirements are listed elsewhere', []],
    ['print("#@requirements x")', []],
  ])('%j', (source, requirements) => expect(readInlineRequirements(source)).toEqual(requirements));

  test('line 30 counts, line 31 does not', () => {
    expect(readInlineRequirements(`${'\n'.repeat(29)}#@requirements a`)).toEqual(['a']);
    expect(readInlineRequirements(`${'\n'.repeat(30)}#@requirements a`)).toEqual([]);
  });
});
