'use strict';

const { ContractError } = require('./contract-error.js');

/** Compact JSON (F91). Cycles, BigInt, functions and symbols violate the contract (F93). */
function toJson(value) {
  let text;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new ContractError('the value cannot be encoded as JSON (a cycle, a BigInt, or toJSON failed)', { cause });
  }
  if (text === undefined) throw new ContractError('the value cannot be encoded as JSON');
  rejectFunctions(value);
  return text;
}

/** JSON.stringify drops functions and symbols without a word; it has shown already that there are no cycles. */
function rejectFunctions(value) {
  const type = typeof value;
  if (type === 'function' || type === 'symbol') throw new ContractError(`a ${type} cannot be encoded as JSON`);
  if (type !== 'object' || value === null || ArrayBuffer.isView(value)) return;
  if (typeof value.toJSON === 'function') return;
  if (Array.isArray(value)) {
    for (const item of value) rejectFunctions(item);
  } else {
    for (const name of Object.keys(value)) rejectFunctions(value[name]);
  }
}

const NOT_ASCII = /[\u0080-\uffff]/g;

/** JSON text with all but ASCII escaped: a response head's length in bytes is then its length in characters. */
function escapeNonAscii(json) {
  return json.replace(NOT_ASCII, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

module.exports = { toJson, escapeNonAscii };
