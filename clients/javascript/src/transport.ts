import { Deadline } from './deadline.js';
import { ConnectionFailedError } from './errors.js';
import type { UploadProgress } from './types.js';

const PIECE_BYTES = 128 * 1024;

/** Told of each piece of an upload that went out. */
export type ProgressListener = (progress: UploadProgress) => void;

/** A request, ready to be sent as often as necessary. */
export interface HttpRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  /** A text, or a file that is sent piece by piece. */
  body?: string | Blob | undefined;
  onProgress?: ProgressListener | undefined;
}

/** An answer, read whole. */
export interface HttpAnswer {
  status: number;
  statusText: string;
  header(name: string): string | null;
  body: string;
}

/** Sends a request once. Throws whatever the network says, or the deadline's abort. */
export async function exchange(
  request: HttpRequest,
  deadline: Deadline,
  ownFetch: typeof globalThis.fetch | undefined,
): Promise<HttpAnswer> {
  if (request.body instanceof Blob && ownFetch === undefined && typeof XMLHttpRequest !== 'undefined') {
    return exchangeByXhr(request, request.body, deadline);
  }
  const init: RequestInit & { duplex?: 'half' } = {
    method: request.method,
    headers: request.headers,
    redirect: 'manual',
    signal: deadline.signal,
  };
  if (request.body instanceof Blob) {
    // Storage takes no chunked bodies; with the length in its headers a stream is sent as it is.
    init.headers = { ...request.headers, 'Content-Length': String(request.body.size) };
    init.body = pieces(request.body, deadline, request.onProgress);
    init.duplex = 'half';
  } else if (request.body !== undefined) {
    init.body = request.body;
  }
  const response = await (ownFetch ?? globalThis.fetch)(request.url, init);
  return {
    status: response.status,
    statusText: response.statusText,
    header: (name) => response.headers.get(name),
    body: await response.text(),
  };
}

function pieces(body: Blob, deadline: Deadline, onProgress: ProgressListener | undefined): ReadableStream<Uint8Array> {
  const reader = body.stream().getReader();
  let rest = new Uint8Array(0);
  let sentBytes = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (rest.byteLength === 0) {
          const { done, value } = await reader.read();
          if (done) {
            controller.close();
            return;
          }
          rest = value;
        }
        // A Blob of memory gives all at once.
        const value = rest.subarray(0, PIECE_BYTES);
        rest = rest.subarray(PIECE_BYTES);
        controller.enqueue(value);
        sentBytes += value.byteLength;
        deadline.restart();
        onProgress?.({ sentBytes, totalBytes: body.size });
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/** What browsers have for uploads that tell how far they are: their `fetch` does not. */
function exchangeByXhr(request: HttpRequest, body: Blob, deadline: Deadline): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(request.method, request.url);
    for (const [name, value] of Object.entries(request.headers)) {
      xhr.setRequestHeader(name, value);
    }
    xhr.upload.onprogress = ({ loaded }) => {
      deadline.restart();
      request.onProgress?.({ sentBytes: loaded, totalBytes: body.size });
    };
    xhr.onload = () =>
      resolve({
        status: xhr.status,
        statusText: xhr.statusText,
        header: (name) => xhr.getResponseHeader(name),
        body: xhr.responseText,
      });
    xhr.onerror = () => reject(new ConnectionFailedError('the connection failed'));
    xhr.onabort = () => reject(deadline.signal.reason);
    deadline.signal.addEventListener('abort', () => xhr.abort(), { once: true });
    if (deadline.signal.aborted) {
      reject(deadline.signal.reason);
      return;
    }
    // Without a type of its own the file gets no header but those given.
    xhr.send(body.slice(0, body.size, ''));
  });
}
