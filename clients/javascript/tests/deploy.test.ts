/** How a model file travels, and how a client waits for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  ConfigurationError,
  DeploymentFailedError,
  RateLimitedError,
  UploadError,
  WaitTimeoutError,
  type UploadProgress,
} from '@serveml/client';

import { deployment, errorReply, formOf, type Recorded } from './support/fakeServer.js';
import { setting } from './support/setting.js';

const s = setting();
const ONE = '/api/v1/deployments/dep-abc123';
const MODEL = Buffer.from('\x80\x05model\r\n--\r\n\x00\xff', 'latin1');
const LARGE = Buffer.alloc(5_120_000, 'PyTorch');

const sorted = (numbers: number[]): number[] => [...numbers].sort((one, other) => one - other);

async function deployed(): Promise<{ request: Recorded; form: Awaited<ReturnType<typeof formOf>> }> {
  const [request, ...others] = s.server.received('POST', '/api/v1/deploy');
  assert.ok(request);
  assert.equal(others.length, 0);
  return { request, form: await formOf(request) };
}

test('a small file goes along', async () => {
  const seen: UploadProgress[] = [];
  const found = await s.client.deploy({
    modelFile: MODEL,
    requirementsFile: 'scikit-learn\n',
    name: 'iris-classifier',
    memory: 2048,
    timeout: 60,
    deploymentId: 'dep-abc123',
    changes: 'more data',
    trusted: true,
    onProgress: (progress) => seen.push(progress),
  });
  const { request, form } = await deployed();
  assert.deepEqual(form, {
    model_file: { name: 'model.pkl', content: MODEL },
    requirements_file: { name: 'requirements.txt', content: Buffer.from('scikit-learn\n') },
    name: 'iris-classifier',
    memory: '2048',
    timeout: '60',
    deployment_id: 'dep-abc123',
    changes: 'more data',
    trusted: 'true',
  });
  assert.equal(request.headers.authorization, 'Bearer key');
  assert.match(String(request.headers['idempotency-key']), /^[0-9a-f]{32}$/);
  assert.equal(request.headers['transfer-encoding'], undefined);
  assert.deepEqual(seen.at(-1), { sentBytes: request.body.length, totalBytes: request.body.length });
  assert.equal(s.server.received('POST', '/api/v1/uploads').length, 0);
  assert.deepEqual([found.id, found.status], ['dep-abc123', 'active']);
});

test('what is not given is not sent', async () => {
  await s.client.deploy({ modelFile: MODEL, trusted: false, idempotencyKey: 'mine' });
  const { request, form } = await deployed();
  assert.deepEqual(Object.keys(form), ['model_file']);
  assert.equal(request.headers['idempotency-key'], 'mine');
});

const NAMES: Array<[string, string | Blob, string]> = [
  ['a pickle', '\x80\x05', 'model.pkl'],
  ['an old pickle', "ccopy_reg\n_reconstructor\n", 'model.pkl'],
  ['a compressed joblib file', '\x78\x9c', 'model.joblib'],
  ['a PyTorch archive', 'PK\x03\x04archive/data.pkl', 'model.pt'],
  ['a Keras archive', 'PK\x03\x04metadata.json', 'model.keras'],
  ['HDF5', '\x89HDF\r\n\x1a\n', 'model.h5'],
  ['ONNX', '\x08\x0a\x12\x07pytorch', 'model.onnx'],
  ['a File', new File(['\x80'], 'mine.joblib'), 'mine.joblib'],
];
for (const [what, content, name] of NAMES) {
  test(`the name of ${what}`, async () => {
    const modelFile = typeof content === 'string' ? Buffer.from(content, 'latin1') : content;
    await s.client.deploy({ modelFile, wait: false });
    assert.equal(((await deployed()).form['model_file'] as { name: string }).name, name);
  });
}

test('a name that is given', async () => {
  const { buffer, byteOffset, byteLength } = MODEL;
  const modelFile = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
  await s.client.deploy({ modelFile, modelFileName: 'own.pth', wait: false });
  assert.deepEqual((await deployed()).form['model_file'], { name: 'own.pth', content: MODEL });
});

test('a large file goes by an upload', async () => {
  const seen: UploadProgress[] = [];
  await s.client.deploy({
    modelFile: LARGE,
    modelFileName: 'large.pt',
    requirementsFile: Buffer.from('torch\n'),
    onProgress: (progress) => seen.push(progress),
  });
  const [asked] = s.server.received('POST', '/api/v1/uploads');
  assert.deepEqual(JSON.parse(String(asked?.body)), { file_name: 'large.pt', size_bytes: 5_120_000 });
  const [stored] = s.server.received('PUT', '/storage/up-1');
  assert.ok(stored);
  assert.ok(stored.body.equals(LARGE));
  assert.deepEqual(stored.query, { 'X-Amz-Signature': 'secret' });
  assert.equal(stored.headers['content-length'], '5120000');
  assert.equal(stored.headers.authorization, undefined);
  assert.deepEqual((await deployed()).form, {
    upload_id: 'up-1',
    requirements_file: { name: 'requirements.txt', content: Buffer.from('torch\n') },
  });
  const sizes = seen.map(({ sentBytes }) => sentBytes);
  assert.ok(sizes.length > 10);
  assert.deepEqual(sizes, sorted(sizes));
  assert.deepEqual(seen.at(-1), { sentBytes: 5_120_000, totalBytes: 5_120_000 });
});

test('the limit counts the requirements too', async () => {
  const modelFile = LARGE.subarray(0, 4_000_000);
  await s.client.deploy({ modelFile, wait: false });
  assert.equal(s.server.received('POST', '/api/v1/uploads').length, 0);
  await s.client.deploy({ modelFile, requirementsFile: '#', wait: false });
  assert.equal(s.server.received('POST', '/api/v1/uploads').length, 1);
});

test('an upload is repeated from its beginning', async () => {
  s.server.next('PUT', '/storage/up-1', { status: 503, body: '<Error/>' }, { drop: true });
  await s.client.deploy({ modelFile: LARGE, wait: false });
  assert.deepEqual(
    s.server.received('PUT', '/storage/up-1').map(({ body }) => body.length),
    [5_120_000, 5_120_000, 5_120_000],
  );
  assert.equal(s.pauses.length, 2);
});

test('a refused upload', async () => {
  s.server.next('PUT', '/storage/up-1', { status: 403, body: '<Code>AccessDenied</Code>' });
  await assert.rejects(s.client.deploy({ modelFile: LARGE }), (error) => {
    assert.ok(error instanceof UploadError);
    assert.equal(error.status, 403);
    assert.match(error.message, /AccessDenied/);
    return true;
  });
  assert.equal(s.server.received('POST', '/api/v1/deploy').length, 0);
});

test('a lost answer is asked for again with the same key', async () => {
  s.server.next('POST', '/api/v1/deploy', { drop: true }, errorReply('SERVICE_ERROR', 503));
  await s.client.deploy({ modelFile: MODEL, wait: false });
  const requests = s.server.received('POST', '/api/v1/deploy');
  assert.equal(requests.length, 3);
  assert.equal(new Set(requests.map(({ headers }) => headers['idempotency-key'])).size, 1);
  assert.equal(new Set(requests.map(({ body }) => body.toString('hex'))).size, 1);
});

test('what is no file', async () => {
  await assert.rejects(s.client.deploy({ modelFile: Buffer.alloc(0) }), ConfigurationError);
  await assert.rejects(s.client.deploy({ modelFile: 5 as unknown as Blob }), ConfigurationError);
  assert.equal(s.server.requests.length, 0);
});

test('without waiting', async () => {
  const found = await s.client.deploy({ modelFile: MODEL, wait: false });
  assert.deepEqual([found.status, found.modelMetadata?.sizeMb], ['building', 1.2]);
  assert.equal(s.server.received('GET', ONE).length, 0);
  assert.equal((await found.waitUntilReady()).status, 'active');
  assert.equal((await found.refresh()).status, 'active');
});

test('waiting looks less and less often', async () => {
  const statuses = [...Array<string>(14).fill('building'), 'updating'];
  s.server.next('GET', ONE, ...statuses.map((status) => ({ body: deployment({ status }) })));
  const looks: string[] = [];
  await s.client.deploy({ modelFile: MODEL, onLook: ({ status }) => looks.push(status) });
  assert.deepEqual(looks, [...statuses, 'active']);
  assert.deepEqual([s.pauses[0], s.pauses.at(-1)], [1_000, 15_000]);
  assert.deepEqual(s.pauses, sorted(s.pauses));
});

test('a failed deployment', async () => {
  s.server.next('GET', ONE, { body: deployment({ status: 'failed', error: 'no package scikit-lern' }) });
  await assert.rejects(s.client.deploy({ modelFile: MODEL }), (error) => {
    assert.ok(error instanceof DeploymentFailedError);
    assert.deepEqual([error.code, error.message, error.status], ['DEPLOYMENT_FAILED', 'no package scikit-lern', undefined]);
    assert.deepEqual(error.details, { deployment_id: 'dep-abc123' });
    return true;
  });
});

test('a failed new version', async () => {
  s.server.next('GET', ONE, { body: deployment({ status: 'active', error: 'the smoke prediction failed' }) });
  const deploying = s.client.deploy({ modelFile: MODEL, deploymentId: 'dep-abc123' });
  await assert.rejects(deploying, { name: 'DeploymentFailedError', message: 'the smoke prediction failed' });
});

test('a deployment deleted meanwhile', async () => {
  s.server.next('GET', ONE, { body: deployment({ status: 'deleted' }) });
  await assert.rejects(s.client.waitUntilReady('dep-abc123'), /is deleted/);
});

test('a wait ends', async () => {
  s.server.next('GET', ONE, { body: deployment({ status: 'building' }) });
  await assert.rejects(s.client.deploy({ modelFile: MODEL, waitTimeoutMs: 0 }), (error) => {
    assert.ok(error instanceof WaitTimeoutError);
    assert.deepEqual([error.deploymentId, error.lastStatus], ['dep-abc123', 'building']);
    return true;
  });
});

test('a wait outlasts a rate limit', async () => {
  s.server.next('GET', ONE, errorReply('RATE_LIMITED', 429, { 'retry-after': '120' }));
  assert.equal((await s.client.waitUntilReady('dep-abc123', { timeoutMs: 600_000 })).status, 'active');
  assert.deepEqual(s.pauses, [120_000]);
  s.server.next('GET', ONE, errorReply('RATE_LIMITED', 429, { 'retry-after': '700' }));
  await assert.rejects(s.client.waitUntilReady('dep-abc123', { timeoutMs: 600_000 }), RateLimitedError);
});

test('a caller who has enough', async () => {
  const controller = new AbortController();
  s.server.next('GET', ONE, { body: deployment({ status: 'building' }) });
  const waiting = s.client.deploy({
    modelFile: MODEL,
    signal: controller.signal,
    onLook: () => controller.abort(new Error('enough')),
  });
  await assert.rejects(waiting, /enough/);
  s.server.next('POST', '/api/v1/predict/dep-1', { hang: true });
  const other = new AbortController();
  const predicting = s.client.predict('dep-1', [1], { signal: other.signal });
  other.abort(new Error('no more'));
  await assert.rejects(predicting, /no more/);
});
