// Puts the page of the API documentation into a folder: ours around the files of swagger-ui-dist that it loads.
import { copyFile, mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const OURS = ['index.html', 'page.css', 'start.js'];
const VENDORED = ['swagger-ui-bundle.js', 'swagger-ui.css', 'favicon-32x32.png'];
/** What the licences ask to go along. */
const NOTICES = ['LICENSE', 'NOTICE', 'swagger-ui-bundle.js.LICENSE.txt'];

export async function vendorSwaggerUi(folder) {
  const vendor = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  await mkdir(folder, { recursive: true });
  await Promise.all([
    ...OURS.map((name) => copyFile(join('src/openapi/ui', name), join(folder, name))),
    ...[...VENDORED, ...NOTICES].map((name) => copyFile(join(vendor, name), join(folder, name))),
  ]);
}
