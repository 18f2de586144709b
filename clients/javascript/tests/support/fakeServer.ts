/** A server on a free port that answers as the API's document shows, and fails where a test says so. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { example, type Json } from './document.js';

export interface Recorded {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** An answer; `drop` closes the connection instead, `hang` never gives one. */
export interface Reply {
  status?: number;
  body?: Json;
  headers?: Record<string, string>;
  drop?: boolean;
  hang?: boolean;
}

export function errorReply(code: string, status: number, headers: Record<string, string> = {}): Reply {
  const error = { code, message: 'no', details: { field: 'data' } };
  return { status, headers, body: { error, request_id: 'req-1' } };
}

/** The document's deployment, with changes. */
export function deployment(changes: Json = {}): Json {
  return { ...example('Get Deployment'), ...changes };
}

/** A form's parts, each with its file's name if it has one. */
export async function formOf(request: Recorded): Promise<Record<string, string | { name: string; content: Buffer }>> {
  const headers = { 'content-type': request.headers['content-type'] ?? '' };
  const form = await new Response(new Uint8Array(request.body), { headers }).formData();
  const parts: Record<string, string | { name: string; content: Buffer }> = {};
  for (const [name, value] of form.entries()) {
    parts[name] =
      typeof value === 'string' ? value : { name: value.name, content: Buffer.from(await value.arrayBuffer()) };
  }
  return parts;
}

export class FakeServer {
  readonly requests: Recorded[] = [];
  readonly #scripted: Array<{ method: string; path: string; reply: Reply }> = [];
  readonly #server: Server;
  url = '';

  constructor() {
    this.#server = createServer((incoming, outgoing) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const url = new URL(`http://server${incoming.url}`);
        const request = {
          method: incoming.method ?? '',
          path: url.pathname,
          query: Object.fromEntries(url.searchParams),
          headers: incoming.headers,
          body: Buffer.concat(chunks),
        };
        this.requests.push(request);
        const reply = this.#reply(request);
        if (reply.drop) {
          incoming.socket.destroy();
        } else if (!reply.hang) {
          const raw = typeof reply.body === 'string';
          outgoing.writeHead(reply.status ?? 200, { 'content-type': 'application/json', ...reply.headers });
          outgoing.end(raw ? reply.body : JSON.stringify(reply.body ?? null));
        }
      });
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Answers the next requests of this route so; then as the document shows again. */
  next(method: string, path: string, ...replies: Reply[]): void {
    this.#scripted.push(...replies.map((reply) => ({ method, path, reply })));
  }

  received(method: string, path: string): Recorded[] {
    return this.requests.filter((request) => request.method === method && request.path === path);
  }

  get last(): Recorded {
    const last = this.requests.at(-1);
    if (last === undefined) {
      throw new Error('nothing was received');
    }
    return last;
  }

  /** The last request's body. */
  get json(): Json {
    return JSON.parse(this.last.body.toString());
  }

  #reply(request: Recorded): Reply {
    const { method, path } = request;
    const index = this.#scripted.findIndex((each) => each.method === method && each.path === path);
    if (index >= 0) {
      return this.#scripted.splice(index, 1)[0]?.reply ?? {};
    }
    for (const [route, pattern, answer] of routes(this.url)) {
      if (route === method && new RegExp(`^${pattern}$`).test(path)) {
        return answer(request);
      }
    }
    return errorReply('NOT_FOUND', 404);
  }
}

function routes(url: string): Array<[string, string, (request: Recorded) => Reply]> {
  const says = (title: string, status = 200) => () => ({ status, body: example(title) });
  const gives = (body: Json, status = 200) => () => ({ status, body });
  const predict = (request: Recorded): Reply => {
    const { data } = JSON.parse(request.body.toString());
    const batch = Array.isArray(data) && typeof data[0] === 'object' && data[0] !== null;
    return { body: example('Make Prediction', batch ? 'Response (Batch)' : 'Response (Single)') };
  };
  const upload = {
    upload_id: 'up-1',
    upload_url: `${url}/storage/up-1?X-Amz-Signature=secret`,
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream', 'x-amz-meta-upload': 'up-1' },
    expires_at: '2024-01-15T11:30:00Z',
    max_size_bytes: 10_000_000_000,
  };
  // As S3 does: no second authentication beside the signature, no chunked bodies, the signed headers as they are.
  const storage = ({ headers }: Recorded): Reply => {
    const xml = { 'content-type': 'application/xml' };
    if (headers.authorization !== undefined || headers['transfer-encoding'] !== undefined) {
      return { status: 400, headers: xml, body: '<Code>InvalidArgument</Code>' };
    }
    if (headers['x-amz-meta-upload'] !== 'up-1' || headers['content-type'] !== 'application/octet-stream') {
      return { status: 403, headers: xml, body: '<Code>SignatureDoesNotMatch</Code>' };
    }
    return { status: 200, body: '' };
  };
  const one = '/api/v1/deployments/[^/]+';
  const hook = {
    id: 'wh-1',
    url: 'https://your-app.com/webhook',
    events: ['deployment.ready'],
    created_at: '2024-01-15T10:00:00Z',
    enabled: true,
  };
  const delivery = {
    id: 'del-1',
    event: 'deployment.ready',
    attempt: 2,
    status_code: 500,
    error: 'answered 500',
    delivered_at: '2024-01-15T10:35:00.123456789Z',
    succeeded: false,
  };
  const key = { id: 'key-1', name: 'ci', created_at: '2024-01-15T10:00:00Z' };
  return [
    ['POST', '/api/v1/auth/register', says('Register User', 201)],
    ['POST', '/api/v1/auth/login', says('Login')],
    ['GET', '/api/v1/auth/me', says('Get Current User')],
    ['POST', '/api/v1/api-keys', gives({ ...key, api_key: 'sk-secret' }, 201)],
    ['GET', '/api/v1/api-keys', gives({ items: [{ ...key, prefix: 'sk-s', last_used_at: null }] })],
    ['DELETE', '/api/v1/api-keys/[^/]+', gives({ message: 'API key deleted', id: 'key-1' })],
    ['POST', '/api/v1/uploads', gives(upload, 201)],
    ['PUT', '/storage/up-1', storage],
    ['POST', '/api/v1/deploy', says('Create Deployment', 202)],
    ['GET', '/api/v1/deployments', says('List Deployments')],
    ['GET', one, says('Get Deployment')],
    ['PATCH', one, says('Update Deployment')],
    ['DELETE', one, says('Delete Deployment')],
    ['GET', `${one}/logs`, gives({ deployment_id: 'dep-abc123', logs: 'building\nready\n' })],
    ['GET', `${one}/versions`, says('List Deployment Versions')],
    [
      'POST',
      `${one}/rollback`,
      (request) => ({ body: deployment({ current_version: JSON.parse(request.body.toString()).version }) }),
    ],
    ['POST', '/api/v1/predict/[^/]+', predict],
    ['POST', '/api/v1/test-model', predict],
    ['GET', '/api/v1/metrics/[^/]+', says('Get Deployment Metrics')],
    ['POST', '/api/v1/webhooks', gives(hook, 201)],
    ['GET', '/api/v1/webhooks', gives({ items: [hook] })],
    ['DELETE', '/api/v1/webhooks/[^/]+', gives({ message: 'Webhook deleted', id: 'wh-1' })],
    ['POST', '/api/v1/webhooks/[^/]+/test', gives({ delivery_id: 'del-1' }, 202)],
    ['GET', '/api/v1/webhooks/[^/]+/deliveries', gives({ items: [delivery] })],
    ['GET', '/', says('Health Check')],
    ['GET', '/api/v1/status', says('API Status')],
  ];
}
