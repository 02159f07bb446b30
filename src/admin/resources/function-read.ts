import * as z from 'zod';
import { endpoint } from '../endpoint.ts';
import { functionEtags } from '../etag.ts';
import { resolveTarget, TargetQuery } from '../target.ts';
import { readOwnConfig } from '../views/config.ts';
import { describeCore, describeFunction } from '../views/detail.ts';

const DetailQuery = TargetQuery.extend({
  include_code: z.enum(['1', '0', 'true', 'false'], { error: 'invalid include_code' }).default('1'),
});

/** What one function is (P176, P179). */
export const functionReadEndpoints = [
  endpoint({
    method: 'GET',
    path: '/_fn/function',
    access: 'read',
    summary: 'One function: policy, environment, packages, workers, code',
    query: DetailQuery,
    handle({ query }, { platform }) {
      const includeCode = query.include_code === '1' || query.include_code === 'true';
      return describeFunction(platform, resolveTarget(platform, query), includeCode);
    },
  }),
  endpoint({
    method: 'GET',
    path: '/_fn/function-config',
    access: 'read',
    summary: 'Configuration of a function, as in force and as in its file',
    query: TargetQuery,
    async handle({ query }, { platform }) {
      const status = resolveTarget(platform, query);
      const { config_path: _, ...core } = await describeCore(platform, status);
      const { config } = await readOwnConfig(status.definition, platform.config.functionsRoot);
      const { config: etag } = await functionEtags(status.definition);
      return { ...core, config, etag };
    },
  }),
];
