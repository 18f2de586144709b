export { ServeMLClient } from './client.js';
export type {
  DeployOptions,
  DeploymentFilter,
  DeploymentUpdate,
  MetricsOptions,
  RequestOptions,
} from './client.js';
export type { ClientOptions } from './configuration.js';
export { Deployment } from './deployment.js';
export {
  APIError,
  ConfigurationError,
  ConnectionFailedError,
  DeploymentFailedError,
  ForbiddenError,
  InvalidInputError,
  NotFoundError,
  PredictionError,
  RateLimitedError,
  RequestTimeoutError,
  ServeMLError,
  ServiceError,
  UnauthorizedError,
  UnexpectedAnswerError,
  UploadError,
  ValidationError,
  WaitTimeoutError,
} from './errors.js';
export type { APIErrorFields } from './errors.js';
export type { FileContent } from './modelFile.js';
export type { ProgressListener } from './transport.js';
export type * from './types.js';
export type { WaitOptions } from './waiting.js';
