'use strict';

module.exports = { chooseAdapter: () => null };
