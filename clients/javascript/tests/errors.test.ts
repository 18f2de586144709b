/** Each error of the document is a class of its own; whatever else goes wrong is one of the package's too. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as serveml from '@serveml/client';

import { errorCodes, errorExample } from './support/document.js';
import { errorReply, type Reply } from './support/fakeServer.js';
import { setting } from './support/setting.js';

const s = setting();
const ME = '/api/v1/auth/me';

async function errorOf(promise: Promise<unknown>): Promise<serveml.APIError> {
  const error: unknown = await promise.then(
    () => assert.fail('it succeeded'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof serveml.APIError, String(error));
  return error;
}

for (const [code, status] of errorCodes()) {
  test(code, async () => {
    const body = errorExample();
    body.error.code = code;
    s.server.next('POST', '/api/v1/predict/dep-1', { status, body });
    const error = await errorOf(s.client.predict('dep-1', [1]));
    const words = code.toLowerCase().split('_').map((word) => word[0]?.toUpperCase() + word.slice(1));
    assert.equal(error.name, `${words.join('').replace(/Error$/, '')}Error`);
    assert.equal(error.constructor, (serveml as Record<string, unknown>)[error.name]);
    assert.deepEqual([error.code, error.status, error.requestId], [code, status, 'req-xyz789']);
    assert.equal(error.message, 'The provided input is invalid');
    assert.deepEqual(error.details, { field: 'data', reason: 'Expected array of numbers' });
  });
}

test('a rate limit says when to come again', async () => {
  const headers = { 'retry-after': '3600', 'x-ratelimit-limit': '100', 'x-ratelimit-reset': '1705316400' };
  s.server.next('GET', ME, errorReply('RATE_LIMITED', 429, headers));
  const error = await errorOf(s.client.me());
  assert.ok(error instanceof serveml.RateLimitedError);
  assert.deepEqual([error.retryAfter, error.limit, error.reset], [3600, 100, 1705316400]);
});

const OTHERS: Array<[Reply, typeof serveml.APIError, string]> = [
  [{ status: 403, body: { message: 'Forbidden' } }, serveml.ForbiddenError, 'Forbidden'],
  [{ status: 404, body: '<html>' }, serveml.NotFoundError, 'HTTP 404 Not Found'],
  [{ status: 413, body: { message: 'Request Too Long' } }, serveml.InvalidInputError, 'Request Too Long'],
  [{ status: 500, body: [] }, serveml.ServiceError, 'HTTP 500 Internal Server Error'],
  [{ status: 418, body: { error: { code: 'TEAPOT', message: 'short and stout' } } }, serveml.APIError, 'short and stout'],
  [{ status: 400, body: { error: { code: ['x'], details: 'no' } } }, serveml.InvalidInputError, 'HTTP 400 Bad Request'],
  [{ status: 302, headers: { location: '/elsewhere' } }, serveml.APIError, 'HTTP 302 Found'],
];
for (const [reply, kind, message] of OTHERS) {
  test(`an answer of others: ${message}`, async () => {
    s.server.next('GET', ME, { ...reply, headers: { ...reply.headers, 'x-request-id': 'req-9' } });
    const error = await errorOf(s.client.me());
    assert.equal(error.constructor, kind);
    assert.deepEqual([error.status, error.message, error.requestId], [reply.status, message, 'req-9']);
  });
}

const UNKNOWN: Array<[unknown, RegExp]> = [
  ['<html>', /expected JSON, got application\/json/],
  [[], /answer: expected a JSON object, got \[\]/],
  [{ email: 'a', username: 'b' }, /"id" is missing/],
  [{ id: 1, email: 'a', username: 'b' }, /answer\.id: expected a string, got 1/],
  [{ id: '1', email: 'a', username: 'b', created_at: 'yesterday' }, /no time/],
];
for (const [body, message] of UNKNOWN) {
  test(`an answer that the document does not know: ${message}`, async () => {
    s.server.next('GET', ME, { body });
    await assert.rejects(s.client.me(), { name: 'UnexpectedAnswerError', message });
  });
}

test('lists and texts that are none', async () => {
  s.server.next('GET', '/api/v1/webhooks', { body: { items: {} } });
  await assert.rejects(s.client.listWebhooks(), serveml.UnexpectedAnswerError);
  s.server.next('GET', '/api/v1/deployments', { body: { items: [], total: '1' } });
  await assert.rejects(s.client.listDeployments(), serveml.UnexpectedAnswerError);
  s.server.next('GET', '/api/v1/deployments/d/logs', { body: { logs: 1 } });
  await assert.rejects(s.client.getLogs('d'), serveml.UnexpectedAnswerError);
  s.server.next('GET', '/api/v1/metrics/d', { body: { metrics: [] } });
  await assert.rejects(s.client.getMetrics('d'), serveml.UnexpectedAnswerError);
  s.server.next('POST', '/api/v1/predict/d', { body: {} });
  await assert.rejects(s.client.predict('d', [1]), /"prediction" is missing/);
});

test('no server', async () => {
  await s.server.stop();
  await assert.rejects(s.client.me(), (error) => {
    assert.ok(error instanceof serveml.ConnectionFailedError);
    assert.match(error.message, /ECONNREFUSED/);
    return true;
  });
  assert.equal(s.pauses.length, 3);
  s.server = await new (s.server.constructor as typeof import('./support/fakeServer.js').FakeServer)().start();
});

test('a server that hangs', async () => {
  s.server.next('POST', '/api/v1/predict/dep-1', { hang: true });
  const client = new serveml.ServeMLClient({ baseUrl: s.server.url, timeoutMs: 50 });
  await assert.rejects(client.predict('dep-1', [1]), serveml.RequestTimeoutError);
});
