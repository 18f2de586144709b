/** Only what is safe is sent again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { APIError, RateLimitedError, ServeMLError, ServiceError } from '@serveml/client';

import { errorReply, type Reply } from './support/fakeServer.js';
import { setting } from './support/setting.js';

const s = setting();
const ONE = '/api/v1/deployments/dep-1';
const FAILURES: Reply[] = [
  errorReply('SERVICE_ERROR', 502),
  errorReply('SERVICE_ERROR', 503),
  errorReply('SERVICE_ERROR', 504),
  errorReply('RATE_LIMITED', 429),
  { drop: true },
];

for (const failure of FAILURES) {
  const what = failure.status ?? 'a lost connection';
  test(`reading and deleting are repeated after ${what}`, async () => {
    s.server.next('GET', ONE, failure, failure);
    await s.client.getDeployment('dep-1');
    assert.equal(s.server.requests.length, 3);
    const [first = 0, second = 0] = s.pauses;
    assert.ok(first >= 250 && first <= 500 && second >= 500 && second <= 1000, String(s.pauses));
    s.server.next('DELETE', ONE, failure);
    await s.client.deleteDeployment('dep-1');
  });

  test(`posts and patches are not repeated after ${what}`, async () => {
    const calls: Array<[string, string, () => Promise<unknown>]> = [
      ['POST', '/api/v1/predict/dep-1', () => s.client.predict('dep-1', [1])],
      ['POST', `${ONE}/rollback`, () => s.client.rollback('dep-1', 'v1')],
      ['POST', '/api/v1/api-keys', () => s.client.createApiKey('ci')],
      ['POST', '/api/v1/auth/login', () => s.client.login({ email: 'a', password: 'b' })],
      ['PATCH', ONE, () => s.client.updateDeployment('dep-1', { name: 'x' })],
    ];
    for (const [method, path, call] of calls) {
      s.server.next(method, path, failure);
      await assert.rejects(call(), ServeMLError);
      assert.equal(s.server.received(method, path).length, 1);
    }
    assert.deepEqual(s.pauses, []);
  });
}

for (const status of [400, 401, 403, 404, 422, 500]) {
  test(`what would fail again is not repeated: ${status}`, async () => {
    s.server.next('GET', ONE, errorReply('WHATEVER', status));
    await assert.rejects(s.client.getDeployment('dep-1'), APIError);
    assert.equal(s.server.requests.length, 1);
  });
}

test('it ends', async () => {
  s.server.next('GET', ONE, ...Array<Reply>(9).fill(errorReply('SERVICE_ERROR', 503)));
  await assert.rejects(s.client.getDeployment('dep-1'), ServiceError);
  assert.equal(s.server.requests.length, 4);
});

test('Retry-After is kept', async () => {
  const date = new Date(Date.now() + 30_000).toUTCString();
  for (const after of ['17', date, 'soon']) {
    s.server.next('GET', ONE, errorReply('RATE_LIMITED', 429, { 'retry-after': after }));
  }
  await s.client.getDeployment('dep-1');
  const [seconds = 0, untilDate = 0, nonsense = 0] = s.pauses;
  assert.equal(seconds, 17_000);
  assert.ok(untilDate > 20_000 && untilDate <= 30_000);
  assert.ok(nonsense <= 2_000);
  s.server.next('GET', ONE, errorReply('RATE_LIMITED', 429, { 'retry-after': '61' }));
  await assert.rejects(s.client.getDeployment('dep-1'), RateLimitedError);
});
