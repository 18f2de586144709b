import { DeploymentFailedError, RateLimitedError, WaitTimeoutError } from './errors.js';
import { pause } from './retries.js';
import type { DeploymentRecord } from './types.js';

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;

/** How to wait for a deployment. */
export interface WaitOptions<T = DeploymentRecord> {
  /** Milliseconds to wait at most; 900 000 if not given. */
  timeoutMs?: number | undefined;
  /** Told what each look found. */
  onLook?: ((deployment: T) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Looks at a deployment until it is active. The pauses grow, so that a build of a quarter of an hour stays well below the
 * API's hundred requests an hour. `update` says that a new version of a live deployment is awaited: an error that the
 * deployment tells is then that version's.
 */
export async function waitUntilReady<T extends DeploymentRecord>(
  id: string,
  look: () => Promise<T>,
  options: WaitOptions<T>,
  update: boolean,
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 900_000;
  const deadline = Date.now() + timeoutMs;
  let lastStatus = 'unknown';
  let next = FIRST_PAUSE_MS;
  for (;;) {
    let delay = next;
    try {
      const deployment = await look();
      options.onLook?.(deployment);
      if (isReady(deployment, update)) {
        return deployment;
      }
      lastStatus = deployment.status;
      next = Math.min(next * 1.3, LONGEST_PAUSE_MS);
    } catch (error) {
      if (!(error instanceof RateLimitedError)) {
        throw error;
      }
      delay = error.retryAfter === undefined ? LONGEST_PAUSE_MS : error.retryAfter * 1000;
      if (delay > deadline - Date.now()) {
        throw error;
      }
    }
    const left = deadline - Date.now();
    if (left <= 0) {
      throw new WaitTimeoutError(
        `${id} was not ready after ${timeoutMs / 1000} s; its status is ${lastStatus}`,
        id,
        lastStatus,
      );
    }
    await pause(Math.min(delay, left), options.signal);
  }
}

function isReady(deployment: DeploymentRecord, update: boolean): boolean {
  const { id, status, error } = deployment;
  if (status === 'failed' || status === 'deleted') {
    throw new DeploymentFailedError(error ?? `the deployment is ${status}`, { details: { deployment_id: id } });
  }
  if (status === 'active' && update && error !== undefined) {
    throw new DeploymentFailedError(error, { details: { deployment_id: id } });
  }
  return status === 'active';
}
