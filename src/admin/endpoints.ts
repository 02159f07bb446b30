import type { Endpoint } from './endpoint.ts';
import { catalogEndpoints } from './resources/catalog.ts';
import { consoleEndpoints } from './resources/console.ts';
import { docsEndpoints } from './resources/docs.ts';
import { functionCodeEndpoints } from './resources/function-code.ts';
import { functionConfigWriteEndpoints } from './resources/function-config-write.ts';
import { functionCreateEndpoints } from './resources/function-create.ts';
import { functionDeleteEndpoints } from './resources/function-delete.ts';
import { functionEnvEndpoints } from './resources/function-env.ts';
import { functionFileEndpoints } from './resources/function-files.ts';
import { functionFilesWriteEndpoints } from './resources/function-files-write.ts';
import { functionReadEndpoints } from './resources/function-read.ts';
import { healthEndpoints } from './resources/health.ts';
import { invokeEndpoints } from './resources/invoke.ts';
import { landingEndpoints } from './resources/landing.ts';
import { logEndpoints } from './resources/logs.ts';
import { metricsEndpoints } from './resources/metrics.ts';
import { packEndpoints } from './resources/packs.ts';
import { problemEndpoints } from './resources/problems.ts';
import { reloadEndpoints } from './resources/reload.ts';
import { routeEndpoints } from './resources/routes.ts';
import { sessionEndpoints } from './resources/session.ts';
import { uiStateEndpoints } from './resources/ui-state.ts';

/** Every address of the admin API (section 5.3). `/_fn/live` and `/_fn/ready` are nginx's own: they work without this process. */
export const ENDPOINTS: readonly Endpoint[] = [
  ...catalogEndpoints,
  ...functionReadEndpoints,
  ...functionFileEndpoints,
  ...consoleEndpoints,
  ...functionCodeEndpoints,
  ...functionConfigWriteEndpoints,
  ...functionCreateEndpoints,
  ...functionDeleteEndpoints,
  ...functionFilesWriteEndpoints,
  ...functionEnvEndpoints,
  ...docsEndpoints,
  ...healthEndpoints,
  ...metricsEndpoints,
  ...logEndpoints,
  ...packEndpoints,
  ...landingEndpoints,
  ...invokeEndpoints,
  ...problemEndpoints,
  ...reloadEndpoints,
  ...sessionEndpoints,
  ...uiStateEndpoints,
];

/** What only the command line of whoever started the stack may ask beside those (P133). */
export const OPERATOR_ENDPOINTS: readonly Endpoint[] = routeEndpoints;
