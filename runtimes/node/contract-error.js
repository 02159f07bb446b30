'use strict';

/**
 * A handler's result breaks the response contract (F105). The message reaches the client as `detail`, so it states
 * the rule and never repeats a value of the user's.
 */
class ContractError extends Error {}

module.exports = { ContractError };
