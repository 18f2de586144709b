/**
 * The client against a real platform. Runs where `SERVEML_URL` names one. `SERVEML_API_KEY` is used if it is set;
 * otherwise an account is registered. `SERVEML_TEST_MODEL` and `SERVEML_TEST_REQUIREMENTS` name another model than the one
 * in `clients/example_model`; it must take rows of four numbers.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';

import { APIError, NotFoundError, ServeMLClient, UnauthorizedError, type Deployment } from '@serveml/client';

const ROW = [5.1, 3.5, 1.4, 0.2];
const exampleFile = (name: string): string => fileURLToPath(new URL(`../../../example_model/${name}`, import.meta.url));
const MODEL = process.env['SERVEML_TEST_MODEL'] || exampleFile('model.pkl');
const REQUIREMENTS = process.env['SERVEML_TEST_REQUIREMENTS'] || exampleFile('requirements.txt');

/** The same model, too large for a form: after its first two bytes a pickle may push four megabytes and pop them. */
async function largePickle(): Promise<Blob> {
  const pickle = await openAsBlob(MODEL);
  const size = 4_000_001;
  const push = new DataView(new ArrayBuffer(5));
  push.setUint8(0, 'B'.charCodeAt(0));
  push.setUint32(1, size, true);
  return new Blob([pickle.slice(0, 2), push, new Uint8Array(size), '0', pickle.slice(2)]);
}

describe('a platform', { skip: process.env['SERVEML_URL'] ? false : 'SERVEML_URL names no platform' }, () => {
  let client: ServeMLClient;
  let deployment: Deployment;
  let ownKey: { id: string; apiKey: string } | undefined;

  before(async () => {
    client = new ServeMLClient();
    if (!process.env['SERVEML_API_KEY']) {
      const unique = randomUUID().replaceAll('-', '');
      const account = { email: `${unique}@example.com`, password: `secret-${unique}` };
      await client.register({ ...account, username: `user-${unique.slice(0, 12)}`, fullName: 'A Test' });
      await client.login(account);
      ownKey = await client.createApiKey('end to end');
      client = new ServeMLClient({ apiKey: ownKey.apiKey });
    }
    deployment = await client.deploy({
      modelFile: await readFile(MODEL),
      requirementsFile: await readFile(REQUIREMENTS),
      name: `iris-${randomUUID().slice(0, 8)}`,
    });
  });

  after(async () => {
    await deployment?.delete();
    if (ownKey !== undefined) {
      await client.deleteApiKey(ownKey.id);
      await assert.rejects(client.me(), UnauthorizedError);
    }
  });

  test('it answers', async () => {
    assert.equal((await client.health()).status, 'healthy');
    assert.equal((await client.status()).api, 'operational');
    assert.match((await client.me()).email, /@/);
  });

  test('the deployment', async () => {
    assert.equal(deployment.status, 'active');
    assert.ok(deployment.modelMetadata?.framework);
    const names: Array<string | undefined> = [];
    for await (const each of client.deployments({ search: deployment.name })) {
      names.push(each.name);
    }
    assert.ok(names.includes(deployment.name));
    assert.ok(await deployment.getLogs());
  });

  test('predictions', async () => {
    const one = await deployment.predict(ROW);
    const several = await deployment.predict([ROW, ROW]);
    assert.deepEqual(several.predictions, [one.prediction, one.prediction]);
    assert.equal((await deployment.getMetrics({ hours: 24 })).deploymentId, deployment.id);
  });

  const upload = MODEL.endsWith('.pkl') ? false : 'only a pickle can be made large here';
  test('a new version by an upload, and back', { skip: upload }, async () => {
    const padded = await largePickle();
    let sent = 0;
    await client.deploy({
      modelFile: padded,
      modelFileName: 'model.pkl',
      requirementsFile: await readFile(REQUIREMENTS),
      deploymentId: deployment.id,
      changes: 'the same again',
      onProgress: ({ sentBytes }) => (sent = sentBytes),
    });
    assert.equal(sent, padded.size);
    const versions = await deployment.listVersions();
    assert.equal(versions.length, 2);
    assert.deepEqual([versions[0]?.isCurrent, versions[0]?.changes], [true, 'the same again']);
    const earlier = versions[1]?.version ?? '';
    await deployment.rollback(earlier);
    await deployment.waitUntilReady();
    assert.equal((await deployment.predict(ROW)).modelVersion, earlier);
  });

  test('webhooks', async () => {
    const hook = await client.createWebhook({
      url: 'https://example.com/webhook',
      events: ['deployment.ready'],
      secret: 'webhook-secret-of-a-test',
    });
    assert.deepEqual(await client.listWebhookDeliveries(hook.id), []);
    await client.deleteWebhook(hook.id);
    assert.ok((await client.listWebhooks()).every(({ id }) => id !== hook.id));
  });

  test('errors', async () => {
    const none = client.getDeployment('dep-00000000-0000-7000-8000-000000000000');
    await assert.rejects(none, (error) => error instanceof NotFoundError && error.requestId !== undefined);
    const modelFile = Buffer.from('no model at all');
    await assert.rejects(client.deploy({ modelFile, requirementsFile: await readFile(REQUIREMENTS) }), APIError);
  });
});
