'use strict';

const { toJson } = require('./json.js');

const SPECIAL = /[",\r\n]/;

/** A map or list as CSV (F94): lines end with LF, none after the last. */
function toCsv(value) {
  if (!Array.isArray(value)) return toCsv([value]);
  const [first] = value;
  const columns = isRecord(first) ? Object.keys(first) : null;
  const lines = value.map((row) => line(cells(row, columns)));
  if (columns !== null) lines.unshift(line(columns));
  return lines.join('\n');
}

/** A row's values: a list as it is, a map by the columns of the first one, anything else as one cell. */
function cells(row, columns) {
  if (Array.isArray(row)) return row;
  if (columns !== null && isRecord(row)) return columns.map((name) => row[name]);
  return [row];
}

function line(values) {
  return values.map(cell).join(',');
}

function cell(value) {
  const text = cellText(value);
  return SPECIAL.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function cellText(value) {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  if (value instanceof Date) return cellText(value.toJSON());
  return toJson(value);
}

function isRecord(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

module.exports = { toCsv };
