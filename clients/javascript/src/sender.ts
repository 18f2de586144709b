import { errorOf, readJson, retryAfter } from './answers.js';
import { apiKeyOf, baseUrlOf, numberOf, type ClientOptions } from './configuration.js';
import { Deadline } from './deadline.js';
import { ConnectionFailedError, RequestTimeoutError, type ServeMLError } from './errors.js';
import { RETRIED_STATUSES, pause, retryDelay } from './retries.js';
import { exchange, type HttpAnswer, type HttpRequest, type ProgressListener } from './transport.js';

const IDEMPOTENT_METHODS: ReadonlySet<string> = new Set(['GET', 'PUT', 'DELETE']);

/** A request of the API and how to read its answer. */
export interface Call<T> {
  method: string;
  /** Below the base URL. */
  path: string;
  parse: (body: unknown) => T;
  query?: Record<string, string | number | undefined>;
  json?: unknown;
  form?: FormData;
  /** Whether the key goes along; it does if not said otherwise. */
  authenticated?: boolean;
  /** Under which the API does it once, however often it is sent. */
  idempotencyKey?: string;
  onProgress?: ProgressListener | undefined;
  signal?: AbortSignal | undefined;
}

/** Sends calls: with the key, within the time limit, and again where that is safe. */
export class Sender {
  readonly baseUrl: string;
  readonly #timeoutMs: number;
  readonly #maxRetries: number;
  readonly #fetch: typeof globalThis.fetch | undefined;
  #apiKey: string | undefined;

  constructor(options: ClientOptions) {
    this.baseUrl = baseUrlOf(options);
    this.#apiKey = apiKeyOf(options);
    this.#timeoutMs = numberOf('timeoutMs', options.timeoutMs, 60_000, 1);
    this.#maxRetries = numberOf('maxRetries', options.maxRetries, 3, 0);
    this.#fetch = options.fetch;
  }

  /** Uses another key, or a login's token, from now on. */
  useKey(apiKey: string): void {
    this.#apiKey = apiKey;
  }

  /** Sends a call and reads its answer. */
  async send<T>(call: Call<T>): Promise<T> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) {
        query.set(name, String(value));
      }
    }
    const headers: Record<string, string> = { Accept: 'application/json' };
    if (call.authenticated !== false && this.#apiKey !== undefined) {
      headers['Authorization'] = `Bearer ${this.#apiKey}`;
    }
    if (call.idempotencyKey !== undefined) {
      headers['Idempotency-Key'] = call.idempotencyKey;
    }
    let body: string | Blob | undefined;
    if (call.form !== undefined) {
      // Encoded once, so that each attempt sends the same bytes.
      const encoded = new Response(call.form);
      headers['Content-Type'] = encoded.headers.get('content-type') ?? 'multipart/form-data';
      body = await encoded.blob();
    } else if (call.json !== undefined) {
      headers['Content-Type'] = 'application/json';
      body = JSON.stringify(call.json);
    }
    const request = {
      method: call.method,
      url: this.baseUrl + call.path + (query.size > 0 ? `?${query}` : ''),
      headers,
      body,
      onProgress: call.onProgress,
    };
    const repeatable = IDEMPOTENT_METHODS.has(call.method) || call.idempotencyKey !== undefined;
    const answer = await this.exchange(request, repeatable, errorOf, call.signal);
    return call.parse(readJson(answer, `${call.method} ${call.path}`));
  }

  /** Sends a request until it succeeds, fails for good, or was repeated often enough. */
  async exchange(
    request: HttpRequest,
    repeatable: boolean,
    failureOf: (answer: HttpAnswer) => ServeMLError,
    signal?: AbortSignal,
  ): Promise<HttpAnswer> {
    for (let attempt = 0; ; attempt += 1) {
      const outcome = await this.#once(request, failureOf, signal);
      if ('answer' in outcome) {
        return outcome.answer;
      }
      const again = repeatable && outcome.temporary;
      const delay = again ? retryDelay(attempt, this.#maxRetries, outcome.retryAfter) : undefined;
      if (delay === undefined) {
        throw outcome.failure;
      }
      await pause(delay, signal);
    }
  }

  async #once(
    request: HttpRequest,
    failureOf: (answer: HttpAnswer) => ServeMLError,
    signal: AbortSignal | undefined,
  ): Promise<
    { answer: HttpAnswer } | { failure: ServeMLError; temporary: boolean; retryAfter: number | undefined }
  > {
    const deadline = new Deadline(this.#timeoutMs, signal);
    try {
      const answer = await exchange(request, deadline, this.#fetch);
      if (answer.status >= 200 && answer.status < 300) {
        return { answer };
      }
      return {
        failure: failureOf(answer),
        temporary: RETRIED_STATUSES.has(answer.status),
        retryAfter: retryAfter(answer),
      };
    } catch (error) {
      if (signal?.aborted) {
        throw signal.reason;
      }
      return { failure: failed(request.url, deadline, error), temporary: true, retryAfter: undefined };
    } finally {
      deadline.end();
    }
  }
}

function failed(url: string, deadline: Deadline, error: unknown): ServeMLError {
  // A presigned URL's query is a secret.
  const where = url.split('?', 1)[0];
  if (deadline.passed) {
    return new RequestTimeoutError(`no answer from ${where} in time`, { cause: error });
  }
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const reason = cause instanceof Error ? cause.message || cause.name : String(cause);
  return new ConnectionFailedError(`no answer from ${where}: ${reason}`, { cause: error });
}
