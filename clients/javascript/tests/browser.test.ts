/** Browsers upload through XMLHttpRequest, the only way there to follow an upload. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { RequestTimeoutError, ServeMLClient, type UploadProgress } from '@serveml/client';

import { formOf } from './support/fakeServer.js';
import { setting } from './support/setting.js';

const s = setting();
const LARGE = new Blob([Buffer.alloc(4_500_000, 'x')]);

/** As much of a browser's as an upload uses. */
class FakeXMLHttpRequest {
  static created = 0;
  upload: { onprogress?: (event: { loaded: number }) => void } = {};
  onload?: () => void;
  onerror?: () => void;
  onabort?: () => void;
  status = 0;
  statusText = '';
  responseText = '';
  #method = '';
  #url = '';
  #headers = new Headers();
  #answer: Response | undefined;
  readonly #controller = new AbortController();

  constructor() {
    FakeXMLHttpRequest.created += 1;
  }

  open(method: string, url: string): void {
    [this.#method, this.#url] = [method, url];
  }

  setRequestHeader(name: string, value: string): void {
    assert.notEqual(name.toLowerCase(), 'content-length', 'browsers refuse to set it');
    this.#headers.set(name, value);
  }

  getResponseHeader(name: string): string | null {
    return this.#answer?.headers.get(name) ?? null;
  }

  abort(): void {
    this.#controller.abort();
    this.onabort?.();
  }

  send(body: Blob): void {
    assert.equal(body.type, '', 'a type would become a header that was not signed');
    this.upload.onprogress?.({ loaded: body.size / 2 });
    const init = { method: this.#method, headers: this.#headers, body, signal: this.#controller.signal };
    fetch(this.#url, init)
      .then(async (answer) => {
        this.#answer = answer;
        [this.status, this.statusText] = [answer.status, answer.statusText];
        this.responseText = await answer.text();
        this.upload.onprogress?.({ loaded: body.size });
        this.onload?.();
      })
      .catch(() => {
        if (!this.#controller.signal.aborted) {
          this.onerror?.();
        }
      });
  }
}

beforeEach(() => {
  FakeXMLHttpRequest.created = 0;
  Object.assign(globalThis, { XMLHttpRequest: FakeXMLHttpRequest });
});
afterEach(() => {
  Reflect.deleteProperty(globalThis, 'XMLHttpRequest');
});

test('an upload and a form', async () => {
  const seen: UploadProgress[] = [];
  const onProgress = (progress: UploadProgress): number => seen.push(progress);
  await s.client.deploy({ modelFile: LARGE, modelFileName: 'large.pt', wait: false, onProgress });
  assert.equal(s.server.received('PUT', '/storage/up-1')[0]?.body.length, 4_500_000);
  assert.deepEqual(seen, [
    { sentBytes: 2_250_000, totalBytes: 4_500_000 },
    { sentBytes: 4_500_000, totalBytes: 4_500_000 },
  ]);
  // The form of a deployment goes this way too.
  assert.equal(FakeXMLHttpRequest.created, 2);
  assert.deepEqual(await formOf(s.server.last), { upload_id: 'up-1' });
});

test('a lost connection is tried again', async () => {
  s.server.next('PUT', '/storage/up-1', { drop: true });
  await s.client.deploy({ modelFile: LARGE, wait: false });
  assert.equal(s.server.received('PUT', '/storage/up-1').length, 2);
});

test('an upload that stands still', async () => {
  s.server.next('PUT', '/storage/up-1', { hang: true });
  const client = new ServeMLClient({ baseUrl: s.server.url, timeoutMs: 500, maxRetries: 0 });
  await assert.rejects(client.deploy({ modelFile: LARGE, wait: false }), RequestTimeoutError);
});

test('a caller who has enough', async () => {
  s.server.next('PUT', '/storage/up-1', { hang: true });
  const controller = new AbortController();
  const deploying = s.client.deploy({
    modelFile: LARGE,
    signal: controller.signal,
    onProgress: () => controller.abort(new Error('enough')),
  });
  await assert.rejects(deploying, /enough/);
});
