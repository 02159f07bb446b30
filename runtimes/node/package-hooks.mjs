// Resolution of `import` in a function: what is not found above the importing file is looked for in the function's
// dependency folders (`paths` of LOAD) and among the helpers. Runs in the thread that Node keeps for such hooks.

/** URLs of files that would find the packages of each folder. */
let importers = [];

export function initialize(data) {
  importers = data.importers;
}

export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    if (!isPackage(specifier)) throw error;
    return (await resolveFrom(importers, specifier, context, next)) ?? Promise.reject(error);
  }
}

async function resolveFrom(parents, specifier, context, next) {
  for (const parentURL of parents) {
    try {
      return await next(specifier, { ...context, parentURL });
    } catch (error) {
      if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    }
  }
  return undefined;
}

function isPackage(specifier) {
  return /^[^./]/.test(specifier) && !specifier.includes(':');
}
