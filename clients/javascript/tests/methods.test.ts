/** Every method sends what the document says and gives what it answers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { BatchPrediction, Prediction } from '@serveml/client';

import { example } from './support/document.js';
import { deployment } from './support/fakeServer.js';
import { setting } from './support/setting.js';

const s = setting();
const TEN = new Date('2024-01-15T10:00:00Z');

test('register', async () => {
  const registration = await s.client.register({
    email: 'user@example.com',
    username: 'johndoe',
    password: 'secure-password',
    fullName: 'John Doe',
  });
  assert.deepEqual(s.server.json, example('Register User', 'Request Body'));
  assert.equal(s.server.last.headers.authorization, undefined);
  assert.equal(registration.user.id, 'user-123');
  assert.deepEqual(registration.user.createdAt, TEN);
  await s.client.me();
  assert.equal(s.server.last.headers.authorization, `Bearer ${registration.accessToken}`);
});

test('login', async () => {
  const token = await s.client.login({ email: 'user@example.com', password: 'secure-password' });
  assert.deepEqual(s.server.json, example('Login', 'Request Body'));
  await s.client.me();
  assert.equal(s.server.last.headers.authorization, `Bearer ${token.accessToken}`);
});

test('me', async () => {
  const user = await s.client.me();
  assert.equal(s.server.last.headers.authorization, 'Bearer key');
  assert.deepEqual([user.fullName, user.deploymentCount, user.totalPredictions], ['John Doe', 5, 15420]);
  assert.deepEqual(user.raw, example('Get Current User'));
});

test('API keys', async () => {
  assert.equal((await s.client.createApiKey('ci')).apiKey, 'sk-secret');
  assert.deepEqual(s.server.json, { name: 'ci' });
  const [key] = await s.client.listApiKeys();
  assert.deepEqual([key?.id, key?.prefix, key?.lastUsedAt], ['key-1', 'sk-s', undefined]);
  assert.equal((await s.client.deleteApiKey('key-1')).id, 'key-1');
  assert.equal(s.server.received('DELETE', '/api/v1/api-keys/key-1').length, 1);
});

test('a page of deployments', async () => {
  const page = await s.client.listDeployments({
    limit: 20,
    offset: 40,
    status: 'active',
    framework: 'sklearn',
    search: 'a b&c',
  });
  assert.deepEqual(s.server.last.query, {
    limit: '20',
    offset: '40',
    status: 'active',
    framework: 'sklearn',
    search: 'a b&c',
  });
  assert.deepEqual([page.total, page.limit, page.offset], [42, 20, 0]);
  assert.equal(page.items[0]?.modelMetadata?.modelType, 'RandomForestClassifier');
  assert.equal((await page.items[0]?.predict([1, 2]))?.prediction, 0);
});

test('all deployments', async () => {
  const page = (offset: number, ...ids: string[]) => ({
    body: { items: ids.map((id) => ({ id })), total: 3, limit: 2, offset },
  });
  s.server.next('GET', '/api/v1/deployments', page(0, 'a', 'b'), page(2, 'c'));
  const ids: string[] = [];
  for await (const each of s.client.deployments({ search: 'x', pageSize: 2 })) {
    ids.push(each.id);
  }
  assert.deepEqual(ids, ['a', 'b', 'c']);
  assert.deepEqual(
    s.server.requests.map(({ query }) => query),
    [
      { limit: '2', offset: '0', search: 'x' },
      { limit: '2', offset: '2', search: 'x' },
    ],
  );
  s.server.next('GET', '/api/v1/deployments', { body: { items: [], total: 9, limit: 2, offset: 0 } });
  assert.equal((await s.client.deployments().next()).done, true);
});

test('one deployment', async () => {
  const found = await s.client.getDeployment('dep-abc123');
  assert.equal(found.configuration?.maxInstances, 10);
  assert.deepEqual(found.modelMetadata?.inputShape, [4]);
  assert.equal(found.metricsSummary?.avgLatencyMs, 45);
  assert.deepEqual(found.raw, deployment());
});

test('an id stays one part of the path', async () => {
  await s.client.getDeployment('../a b?x=1');
  assert.equal(s.server.last.path, '/api/v1/deployments/..%2Fa%20b%3Fx%3D1');
});

test('update', async () => {
  const found = await s.client.getDeployment('dep-abc123');
  await found.update({ name: 'new-name', memoryMb: 2048, timeoutSeconds: 60, minInstances: 1, maxInstances: 20 });
  assert.equal(s.server.last.method, 'PATCH');
  assert.deepEqual(s.server.json, example('Update Deployment', 'Request Body'));
  assert.deepEqual([found.name, found.status, found.configuration?.memoryMb], ['new-name', 'updating', 2048]);
  // What the update does not tell stays known.
  assert.ok(found.endpointUrl?.endsWith('/dep-abc123'));
  await s.client.updateDeployment('dep-abc123', { minInstances: 0 });
  assert.deepEqual(s.server.json, { min_instances: 0 });
});

test('delete', async () => {
  assert.equal((await s.client.deleteDeployment('dep-abc123')).message, 'Deployment deleted successfully');
  assert.equal((await (await s.client.getDeployment('dep-abc123')).delete()).id, 'dep-abc123');
});

test('logs', async () => {
  assert.equal(await s.client.getLogs('dep-abc123'), 'building\nready\n');
  assert.equal(await (await s.client.getDeployment('dep-abc123')).getLogs(), 'building\nready\n');
});

test('versions and rollback', async () => {
  const found = await s.client.getDeployment('dep-abc123');
  const [latest, earlier] = await found.listVersions();
  assert.deepEqual([latest?.version, latest?.isCurrent, earlier?.status], ['v3', true, 'inactive']);
  await found.rollback('v2');
  assert.deepEqual(s.server.json, example('Rollback Version', 'Request Body'));
  assert.equal(found.currentVersion, 'v2');
});

test('predict one row', async () => {
  const result: Prediction = await s.client.predict('dep-abc123', [5.1, 3.5, 1.4, 0.2]);
  assert.deepEqual(s.server.json, example('Make Prediction', 'Request Body (Single Prediction)'));
  assert.deepEqual([result.prediction, result.modelVersion, result.responseTimeMs], [0, 'v1', 42]);
  assert.deepEqual(result.probabilities, [0.98, 0.01, 0.01]);
});

test('predict several rows', async () => {
  const request = example('Make Prediction', 'Request Body (Batch Prediction)');
  const rows: number[][] = request.data;
  const result: BatchPrediction = await s.client.predict('dep-abc123', rows);
  assert.deepEqual(s.server.json, request);
  assert.deepEqual([result.predictions, result.batchSize], [[0, 2, 0], 3]);
});

test('a prediction may be null', async () => {
  s.server.next('POST', '/api/v1/predict/dep-1', { body: { prediction: null } });
  assert.equal((await s.client.predict('dep-1', [1])).prediction, null);
});

test('test a model', async () => {
  const request = example('Test Model (Internal)', 'Request Body');
  assert.equal((await s.client.testModel('dep-abc123', request.data)).prediction, 0);
  assert.deepEqual(s.server.json, request);
  assert.equal((await (await s.client.getDeployment('dep-abc123')).testModel(request.data)).prediction, 0);
});

test('metrics', async () => {
  const metrics = await s.client.getMetrics('dep-abc123', { hours: 48, resolution: '1h' });
  assert.deepEqual(s.server.last.query, { hours: '48', resolution: '1h' });
  assert.deepEqual([metrics.requestCount, metrics.p99LatencyMs, metrics.coldStarts], [1542, 250, 15]);
  assert.deepEqual(metrics.timeSeries?.requestCounts, [120, 145]);
  assert.deepEqual(metrics.timeSeries?.timestamps[1], new Date('2024-01-14T11:00:00Z'));
  assert.equal(metrics.costEstimate?.breakdown['compute'], 0.72);
  assert.deepEqual(metrics.period?.end, TEN);
  assert.equal((await (await s.client.getDeployment('dep-abc123')).getMetrics()).errorCount, 2);
});

test('webhooks', async () => {
  const asked = { url: 'https://your-app.com/webhook', events: ['deployment.ready'] as const, secret: 'webhook-secret' };
  const hook = await s.client.createWebhook(asked);
  assert.deepEqual(s.server.json, asked);
  assert.deepEqual(await s.client.listWebhooks(), [hook]);
  assert.equal(await s.client.testWebhook('wh-1'), 'del-1');
  const [delivery] = await s.client.listWebhookDeliveries('wh-1');
  assert.deepEqual([delivery?.attempt, delivery?.statusCode, delivery?.succeeded], [2, 500, false]);
  assert.deepEqual(delivery?.deliveredAt, new Date('2024-01-15T10:35:00.123Z'));
  assert.equal((await s.client.deleteWebhook('wh-1')).id, 'wh-1');
});

test('health and status', async () => {
  assert.equal((await s.client.health()).version, '1.0.0');
  assert.equal(s.server.last.path, '/');
  const status = await s.client.status();
  assert.deepEqual([status.api, status.storage, status.issues], ['operational', 'operational', []]);
  assert.ok(s.server.requests.every(({ headers }) => headers.authorization === undefined));
});
