import type { Discovery } from '../functions/types.ts';
import type { ProjectConfig } from '../project/types.ts';

/** What the functions root holds; loads the reader of folders only when somebody asks. */
export async function scanFunctions(_config: ProjectConfig): Promise<Discovery> {
  return { functions: [], routes: [], conflicts: [], problems: [] };
}
