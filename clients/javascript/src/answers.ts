import {
  APIError,
  ERRORS_BY_CODE,
  ForbiddenError,
  InvalidInputError,
  NotFoundError,
  RateLimitedError,
  ServiceError,
  UnauthorizedError,
  UnexpectedAnswerError,
  UploadError,
  ValidationError,
} from './errors.js';
import type { HttpAnswer } from './transport.js';

const ERRORS_BY_STATUS: ReadonlyMap<number, typeof APIError> = new Map<number, typeof APIError>([
  [400, InvalidInputError],
  [401, UnauthorizedError],
  [403, ForbiddenError],
  [404, NotFoundError],
  [413, InvalidInputError],
  [422, ValidationError],
  [429, RateLimitedError],
]);

/** Decodes the JSON body of a successful answer. */
export function readJson(answer: HttpAnswer, request: string): unknown {
  try {
    return JSON.parse(answer.body);
  } catch {
    const type = answer.header('content-type') ?? 'no content type';
    throw new UnexpectedAnswerError(`${request}: expected JSON, got ${type} (is this a ServeML API?)`);
  }
}

/** Makes the typed error of an answer that is none of success, whoever gave it: the API or a gateway before it. */
export function errorOf(answer: HttpAnswer): APIError {
  let body: unknown;
  try {
    body = JSON.parse(answer.body);
  } catch {
    body = undefined;
  }
  const whole = isObject(body) ? body : {};
  const error = isObject(whole['error']) ? whole['error'] : { message: whole['message'] };
  const code = typeof error['code'] === 'string' ? error['code'] : undefined;
  const otherwise = code === undefined && answer.status >= 500 ? ServiceError : APIError;
  const kind =
    (code === undefined ? ERRORS_BY_STATUS.get(answer.status) : ERRORS_BY_CODE.get(code)) ?? otherwise;
  const message =
    typeof error['message'] === 'string' && error['message'] !== ''
      ? error['message']
      : `HTTP ${answer.status} ${answer.statusText}`.trim();
  const requestId = whole['request_id'] ?? answer.header('x-request-id');
  const details = error['details'];
  return new kind(message, {
    code,
    details: isObject(details) ? details : details ? { details } : undefined,
    requestId: typeof requestId === 'string' ? requestId : undefined,
    status: answer.status,
    retryAfter: retryAfter(answer),
    limit: wholeNumber(answer.header('x-ratelimit-limit')),
    reset: wholeNumber(answer.header('x-ratelimit-reset')),
  });
}

/** Makes the error of the storage's answer to an upload. */
export function uploadErrorOf(answer: HttpAnswer): UploadError {
  const body = answer.body.slice(0, 1000);
  return new UploadError(`the storage refused the upload with HTTP ${answer.status}: ${body}`, answer.status, body);
}

/** Reads `Retry-After`, seconds or a date, as seconds. */
export function retryAfter(answer: HttpAnswer): number | undefined {
  const text = answer.header('retry-after')?.trim() ?? '';
  const seconds = wholeNumber(text);
  if (seconds !== undefined) {
    return seconds;
  }
  const date = /^[A-Za-z]{3},/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000);
}

function wholeNumber(text: string | null): number | undefined {
  return text !== null && /^\d+$/.test(text.trim()) ? Number(text) : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
