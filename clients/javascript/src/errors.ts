/** The base of everything that this package throws on purpose. */
export class ServeMLError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The client was given something that it cannot work with, such as a base URL without `https://`. */
export class ConfigurationError extends ServeMLError {}

/** No answer came: the server is unreachable, or the connection broke. */
export class ConnectionFailedError extends ServeMLError {}

/** No answer came in time. */
export class RequestTimeoutError extends ConnectionFailedError {}

/** The server answered with success, but not with what the API's document says. */
export class UnexpectedAnswerError extends ServeMLError {}

/** The storage refused a model file. */
export class UploadError extends ServeMLError {
  constructor(
    message: string,
    /** The HTTP status. */
    readonly status: number,
    /** The beginning of what the storage said. */
    readonly body: string,
  ) {
    super(message);
  }
}

/** A deployment was not ready within the time that the caller gave; it is still being built. */
export class WaitTimeoutError extends ServeMLError {
  constructor(
    message: string,
    readonly deploymentId: string,
    readonly lastStatus: string,
  ) {
    super(message);
  }
}

/** What an error of the API tells beside its message. */
export interface APIErrorFields {
  code?: string | undefined;
  details?: Record<string, unknown> | undefined;
  requestId?: string | undefined;
  status?: number | undefined;
  retryAfter?: number | undefined;
  limit?: number | undefined;
  reset?: number | undefined;
}

/** The API answered with an error. */
export class APIError extends ServeMLError {
  static readonly defaultCode: string = 'UNKNOWN';
  /** The API's word for it, such as `NOT_FOUND`. */
  readonly code: string;
  /** What the API adds, such as the field and the reason; empty where it adds nothing. */
  readonly details: Record<string, unknown>;
  /** Under which the platform's log has the request. */
  readonly requestId: string | undefined;
  /** The HTTP status; undefined for a deployment that failed after its request had been accepted. */
  readonly status: number | undefined;

  constructor(message: string, fields: APIErrorFields = {}) {
    super(message);
    this.code = fields.code ?? new.target.defaultCode;
    this.details = fields.details ?? {};
    this.requestId = fields.requestId;
    this.status = fields.status;
  }
}

/** 401: the API key or token is missing, wrong or expired. */
export class UnauthorizedError extends APIError {
  static override readonly defaultCode = 'UNAUTHORIZED';
}

/** 403: the key is valid, but not for this. */
export class ForbiddenError extends APIError {
  static override readonly defaultCode = 'FORBIDDEN';
}

/** 404: there is no such thing, or it belongs to somebody else. */
export class NotFoundError extends APIError {
  static override readonly defaultCode = 'NOT_FOUND';
}

/** 400 (413 for a body that is too large): the request says something that cannot be. */
export class InvalidInputError extends APIError {
  static override readonly defaultCode = 'INVALID_INPUT';
}

/** 422: a field of the request is missing or of the wrong type. */
export class ValidationError extends APIError {
  static override readonly defaultCode = 'VALIDATION_ERROR';
}

/** 400, or the end of a wait: the model was refused or could not be deployed; the message says why. */
export class DeploymentFailedError extends APIError {
  static override readonly defaultCode = 'DEPLOYMENT_FAILED';
}

/** 500: the model raised an error with this input. */
export class PredictionError extends APIError {
  static override readonly defaultCode = 'PREDICTION_ERROR';
}

/** 429: too many requests. */
export class RateLimitedError extends APIError {
  static override readonly defaultCode = 'RATE_LIMITED';
  /** Seconds to wait before the next request, if the API said so. */
  readonly retryAfter: number | undefined;
  /** Requests allowed in the window, if the API said so. */
  readonly limit: number | undefined;
  /** When the window ends, in seconds since 1970, if the API said so. */
  readonly reset: number | undefined;

  constructor(message: string, fields: APIErrorFields = {}) {
    super(message, fields);
    this.retryAfter = fields.retryAfter;
    this.limit = fields.limit;
    this.reset = fields.reset;
  }
}

/** 500 and above: a fault of the platform, which its log has under `requestId`. */
export class ServiceError extends APIError {
  static override readonly defaultCode = 'SERVICE_ERROR';
}

/** The class of each code in the API's document. */
export const ERRORS_BY_CODE: ReadonlyMap<string, typeof APIError> = new Map(
  [
    UnauthorizedError,
    ForbiddenError,
    NotFoundError,
    InvalidInputError,
    ValidationError,
    DeploymentFailedError,
    PredictionError,
    RateLimitedError,
    ServiceError,
  ].map((kind): [string, typeof APIError] => [kind.defaultCode, kind]),
);
