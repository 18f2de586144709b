const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 8_000;
/** The longest `Retry-After` that is waited for; a longer one is the caller's to decide. */
const LONGEST_RETRY_AFTER_MS = 60_000;

export const RETRIED_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/**
 * Says how many milliseconds to wait after the failed attempt (0 is the first), or undefined to give up: exponential
 * backoff with jitter, or what `Retry-After` says.
 */
export function retryDelay(attempt: number, maxRetries: number, retryAfterSeconds?: number): number | undefined {
  if (attempt >= maxRetries) {
    return undefined;
  }
  if (retryAfterSeconds !== undefined) {
    const delay = retryAfterSeconds * 1000;
    return delay <= LONGEST_RETRY_AFTER_MS ? delay : undefined;
  }
  const longest = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
  // Half of it by chance, so that clients that failed together do not come back together.
  return longest * (0.5 + Math.random() / 2);
}

/** Waits, or throws the signal's reason as soon as it is aborted. */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
