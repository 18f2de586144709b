/** What the API answers, as typed values. Each whole answer keeps the JSON it came as in `raw`. */

export type JsonObject = Record<string, unknown>;

/** One input: its values in the order of the model's features, or by the features' names. */
export type Row = ReadonlyArray<number | string | boolean | null> | Readonly<Record<string, unknown>>;

export type DeploymentStatus = 'building' | 'active' | 'updating' | 'failed' | 'deleted';
export type Framework = 'sklearn' | 'pytorch' | 'tensorflow';
export type Resolution = '1m' | '5m' | '1h' | '1d';
export type WebhookEvent =
  | 'deployment.created'
  | 'deployment.building'
  | 'deployment.ready'
  | 'deployment.failed'
  | 'deployment.deleted'
  | 'prediction.error';

/** An account; the counts come with `me` only. */
export interface User {
  id: string;
  email: string;
  username: string;
  fullName: string | undefined;
  createdAt: Date | undefined;
  deploymentCount: number | undefined;
  totalPredictions: number | undefined;
  raw: JsonObject;
}

/** What a login gives; the client uses it from then on. */
export interface Token {
  accessToken: string;
  tokenType: string;
  raw: JsonObject;
}

/** What a registration gives: a token, as a login does, and the new account. */
export interface Registration extends Token {
  user: User;
}

/** An API key as the list shows it: by its first characters. */
export interface ApiKey {
  id: string;
  name: string;
  prefix: string | undefined;
  createdAt: Date | undefined;
  lastUsedAt: Date | undefined;
  raw: JsonObject;
}

/** A new API key; `apiKey` is told this once and never again. */
export interface NewApiKey {
  id: string;
  name: string;
  apiKey: string;
  createdAt: Date | undefined;
  raw: JsonObject;
}

/** What the platform found in the model file. Shapes are as the model tells them. */
export interface ModelMetadata {
  framework: string | undefined;
  modelType: string | undefined;
  sizeMb: number | undefined;
  inputShape: unknown;
  outputShape: unknown;
}

/** How a deployment runs: memory in MB, timeout in seconds, instances kept ready and allowed at most. */
export interface Configuration {
  memoryMb: number | undefined;
  timeoutSeconds: number | undefined;
  minInstances: number | undefined;
  maxInstances: number | undefined;
}

/** A deployment's figures in short; `errorRate` is a fraction of 1. */
export interface MetricsSummary {
  totalPredictions: number | undefined;
  avgLatencyMs: number | undefined;
  errorRate: number | undefined;
}

/** What the API tells of a deployment; lists and updates tell less than `getDeployment`. */
export interface DeploymentRecord {
  id: string;
  name: string | undefined;
  /** One of {@link DeploymentStatus}, or what a later API adds. */
  status: string;
  createdAt: Date | undefined;
  updatedAt: Date | undefined;
  endpointUrl: string | undefined;
  currentVersion: string | undefined;
  /** Why it failed. */
  error: string | undefined;
  modelMetadata: ModelMetadata | undefined;
  configuration: Configuration | undefined;
  metricsSummary: MetricsSummary | undefined;
  raw: JsonObject;
}

/** A part of a list: `items`, from `offset` on, of `total`. */
export interface Page<T> {
  items: T[];
  total: number;
  limit: number;
  offset: number;
  raw: JsonObject;
}

/** The answer to one row. `probabilities` is there if the model gives any, one for each class. */
export interface Prediction {
  prediction: unknown;
  probabilities: unknown;
  modelVersion: string | undefined;
  responseTimeMs: number | undefined;
  raw: JsonObject;
}

/** The answer to several rows, in their order. */
export interface BatchPrediction {
  predictions: unknown[];
  probabilities: unknown;
  modelVersion: string | undefined;
  responseTimeMs: number | undefined;
  batchSize: number | undefined;
  raw: JsonObject;
}

/** A deployment's figures over a period: counts, latencies in milliseconds, series and cost. */
export interface Metrics {
  deploymentId: string;
  requestCount: number;
  errorCount: number;
  avgLatencyMs: number | undefined;
  p95LatencyMs: number | undefined;
  p99LatencyMs: number | undefined;
  coldStarts: number;
  uniqueUsers: number;
  period: { start: Date | undefined; end: Date | undefined } | undefined;
  /** The three lists go together, one entry for each step of the resolution. */
  timeSeries: { timestamps: Date[]; requestCounts: number[]; avgLatencies: Array<number | null> } | undefined;
  /** In US dollars. */
  costEstimate: { totalUsd: number | undefined; breakdown: Record<string, number> } | undefined;
  dashboardUrl: string | undefined;
  raw: JsonObject;
}

/** A version of a deployment's model. */
export interface Version {
  version: string;
  createdAt: Date | undefined;
  status: string | undefined;
  isCurrent: boolean;
  changes: string | undefined;
}

/** An address that is told of events. */
export interface Webhook {
  id: string;
  url: string;
  events: string[];
  createdAt: Date | undefined;
  enabled: boolean;
  raw: JsonObject;
}

/** One attempt to tell a webhook of an event. */
export interface WebhookDelivery {
  id: string;
  event: string;
  attempt: number;
  statusCode: number | undefined;
  error: string | undefined;
  deliveredAt: Date | undefined;
  succeeded: boolean;
}

/** What was deleted. */
export interface Deleted {
  id: string;
  message: string | undefined;
  raw: JsonObject;
}

/** The platform answers. */
export interface Health {
  status: string;
  message: string | undefined;
  version: string | undefined;
  timestamp: Date | undefined;
  raw: JsonObject;
}

/** How each part of the platform does, such as `operational`; `issues` says what does not. */
export interface Status {
  api: string;
  deployments: string;
  predictions: string;
  database: string;
  storage: string;
  issues: unknown[];
  raw: JsonObject;
}

/** How far an upload is, in bytes. */
export interface UploadProgress {
  sentBytes: number;
  totalBytes: number;
}
