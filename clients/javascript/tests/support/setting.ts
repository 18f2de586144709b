/** A server and a client for each test, and a clock that makes no pauses but notes them. */
import { afterEach, beforeEach } from 'node:test';

import { ServeMLClient } from '@serveml/client';

import { FakeServer } from './fakeServer.js';

const TIMEOUT_MS = 5_000;

export interface Setting {
  server: FakeServer;
  client: ServeMLClient;
  /** The milliseconds that the client would have waited. */
  pauses: number[];
}

/** Sets each test of the file up anew. */
export function setting(): Setting {
  const current = {} as Setting;
  const { setTimeout: realSetTimeout } = globalThis;
  beforeEach(async () => {
    delete process.env['SERVEML_URL'];
    delete process.env['SERVEML_API_KEY'];
    current.server = await new FakeServer().start();
    current.client = new ServeMLClient({ apiKey: 'key', baseUrl: current.server.url, timeoutMs: TIMEOUT_MS });
    current.pauses = [];
    const { pauses } = current;
    globalThis.setTimeout = ((callback: () => void, milliseconds: number, ...others: unknown[]) => {
      // Node.js and the client's time limits set timers too; only the client's pauses are cut short.
      if (!new Error().stack?.includes('/dist/retries.js')) {
        return realSetTimeout(callback, milliseconds, ...(others as []));
      }
      pauses.push(milliseconds);
      return realSetTimeout(callback, 0);
    }) as typeof globalThis.setTimeout;
  });
  afterEach(async () => {
    globalThis.setTimeout = realSetTimeout;
    await current.server.stop();
  });
  return current;
}
