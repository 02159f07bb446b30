import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { parseFunctionConfig } from '../../functions/config.ts';
import { type Check, type Finding, type Project, withProject } from '../check.ts';

/** What functions want to be called at (P284). */
export const scheduleCheck: Check = { id: 'project.schedules', run: withProject(checkSchedules) };

async function checkSchedules({ config, files }: Project): Promise<Finding> {
  const declaring: string[] = [];
  for (const file of (await files).config) {
    const { config: content } = parseFunctionConfig(await readFile(file, 'utf8').catch(() => ''));
    if (content.schedule || content.schedules?.length) declaring.push(relative(config.functionsRoot, file));
  }
  if (declaring.length === 0) return { status: 'OK', message: 'no function has a schedule' };
  return {
    status: 'WARN',
    message: `${declaring.length} with a schedule, and this version runs none`,
    details: Object.fromEntries(declaring.map((file) => [file, 'is not run'])),
  };
}
