/** What a client takes from its options, the environment and its defaults. */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { test } from 'node:test';

import { ConfigurationError, ServeMLClient, type ClientOptions } from '@serveml/client';

import { setting } from './support/setting.js';

const s = setting();

test('defaults and the environment', async () => {
  assert.equal(new ServeMLClient().baseUrl, 'https://api.serveml.com');
  process.env['SERVEML_URL'] = `${s.server.url}/`;
  process.env['SERVEML_API_KEY'] = 'from-environment';
  assert.equal(new ServeMLClient().baseUrl, s.server.url);
  await new ServeMLClient().me();
  assert.equal(s.server.last.headers.authorization, 'Bearer from-environment');
  await new ServeMLClient({ apiKey: 'mine' }).me();
  assert.equal(s.server.last.headers.authorization, 'Bearer mine');
  assert.equal(new ServeMLClient({ baseUrl: 'https://example.com/stage' }).baseUrl, 'https://example.com/stage');
});

test('without a key none is sent', async () => {
  await new ServeMLClient({ baseUrl: s.server.url }).me();
  assert.equal(s.server.last.headers.authorization, undefined);
});

test('a key does not show', () => {
  assert.doesNotMatch(inspect(new ServeMLClient({ apiKey: 'hidden' }), { depth: 9 }), /hidden/);
});

test('a fetch of your own', async () => {
  const seen: string[] = [];
  const own: typeof fetch = (input, init) => {
    seen.push(String(input));
    return fetch(input, init);
  };
  await new ServeMLClient({ baseUrl: s.server.url, fetch: own }).me();
  assert.deepEqual(seen, [`${s.server.url}/api/v1/auth/me`]);
});

const WRONG: ClientOptions[] = [
  { baseUrl: 'localhost:8000' },
  { baseUrl: 'ftp://x' },
  { baseUrl: 'http://' },
  { maxRetries: -1 },
  { timeoutMs: 0 },
  { timeoutMs: Number.NaN },
  { apiKey: 'a b' },
  { apiKey: 'a\nb' },
  { apiKey: 'schlüssel' },
];
for (const options of WRONG) {
  test(`what cannot be: ${JSON.stringify(options)}`, () => {
    assert.throws(() => new ServeMLClient(options), ConfigurationError);
  });
}
