/** The document's example compiles and runs as it is printed, and the README shows the same. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test } from 'node:test';

import { code } from './support/document.js';
import { deployment, formOf } from './support/fakeServer.js';
import { setting } from './support/setting.js';

const s = setting();
const run = promisify(execFile);
const PACKAGE = fileURLToPath(new URL('../../', import.meta.url));
const EXAMPLE = code('JavaScript/TypeScript', 'typescript');

// What the example takes as given.
const DECLARATIONS = 'declare const modelBuffer: Buffer;\ndeclare const reqBuffer: Buffer;\n';
const BUFFERS = `
globalThis.modelBuffer = Buffer.from('\\x80\\x05model', 'latin1');
globalThis.reqBuffer = Buffer.from('scikit-learn\\n');
`;

test('the example runs as printed', async () => {
  // Inside the package, so that its name means this package.
  const folder = `${PACKAGE}build/example/`;
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}example.mts`, EXAMPLE);
  await writeFile(`${folder}given.d.ts`, DECLARATIONS);
  await writeFile(`${folder}given.mjs`, BUFFERS);
  const options = ['--ignoreConfig', '--strict', '--module', 'nodenext', '--target', 'es2022', '--types', 'node'];
  const compiler = `${PACKAGE}node_modules/typescript/bin/tsc`;
  await run(process.execPath, [compiler, ...options, 'example.mts', 'given.d.ts'], { cwd: folder });
  // It is still being built when the example's next line wants a prediction.
  s.server.next('GET', '/api/v1/deployments/dep-abc123', { body: deployment({ status: 'building' }) });
  const { stdout, stderr } = await run(process.execPath, ['--import', './given.mjs', 'example.mjs'], {
    cwd: folder,
    env: { ...process.env, SERVEML_URL: s.server.url },
  });
  assert.deepEqual([stdout, stderr], ['0\n', '']);
  const [deployed] = s.server.received('POST', '/api/v1/deploy');
  assert.ok(deployed);
  assert.equal((await formOf(deployed))['name'], 'my-model');
  assert.ok(s.server.requests.every(({ headers }) => headers.authorization === 'Bearer your-api-key'));
});

test('the README shows it', async () => {
  assert.ok((await readFile(`${PACKAGE}README.md`, 'utf8')).includes(EXAMPLE));
});
