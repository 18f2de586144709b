import { Fields, toNumber, toText, toTime } from './fields.js';
import type * as types from './types.js';

export function user(value: unknown, where?: string): types.User {
  const fields = new Fields(value, where);
  return {
    id: fields.requiredText('id'),
    email: fields.requiredText('email'),
    username: fields.requiredText('username'),
    fullName: fields.text('full_name'),
    createdAt: fields.time('created_at'),
    deploymentCount: fields.number('deployment_count'),
    totalPredictions: fields.number('total_predictions'),
    raw: fields.raw,
  };
}

export function token(value: unknown): types.Token {
  const fields = new Fields(value);
  return {
    accessToken: fields.requiredText('access_token'),
    tokenType: fields.text('token_type') ?? 'bearer',
    raw: fields.raw,
  };
}

export function registration(value: unknown): types.Registration {
  const fields = new Fields(value);
  return { ...token(value), user: user(fields.any('user'), 'answer.user') };
}

export function apiKey(value: unknown, where?: string): types.ApiKey {
  const fields = new Fields(value, where);
  return {
    id: fields.requiredText('id'),
    name: fields.requiredText('name'),
    prefix: fields.text('prefix'),
    createdAt: fields.time('created_at'),
    lastUsedAt: fields.time('last_used_at'),
    raw: fields.raw,
  };
}

export function newApiKey(value: unknown): types.NewApiKey {
  const fields = new Fields(value);
  return {
    id: fields.requiredText('id'),
    name: fields.requiredText('name'),
    apiKey: fields.requiredText('api_key'),
    createdAt: fields.time('created_at'),
    raw: fields.raw,
  };
}

/** Where a large model file goes before it is deployed by its id. */
export interface Upload {
  id: string;
  url: string;
  method: string;
  headers: Record<string, string>;
}

export function upload(value: unknown): Upload {
  const fields = new Fields(value);
  const headers = fields.object('headers')?.raw ?? {};
  return {
    id: fields.requiredText('upload_id'),
    url: fields.requiredText('upload_url'),
    method: fields.text('method') ?? 'PUT',
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, text]) => [name, toText(text, `answer.headers.${name}`)]),
    ),
  };
}

export function deploymentRecord(value: unknown, where?: string): types.DeploymentRecord {
  const fields = new Fields(value, where);
  const metadata = fields.object('model_metadata');
  const configuration = fields.object('configuration');
  const summary = fields.object('metrics_summary');
  return {
    id: fields.requiredText('id'),
    name: fields.text('name'),
    status: fields.text('status') ?? 'building',
    createdAt: fields.time('created_at'),
    updatedAt: fields.time('updated_at'),
    endpointUrl: fields.text('endpoint_url'),
    currentVersion: fields.text('current_version'),
    error: fields.text('error'),
    modelMetadata: metadata && {
      framework: metadata.text('framework'),
      modelType: metadata.text('model_type'),
      sizeMb: metadata.number('size_mb'),
      inputShape: metadata.any('input_shape'),
      outputShape: metadata.any('output_shape'),
    },
    configuration: configuration && {
      memoryMb: configuration.number('memory_mb'),
      timeoutSeconds: configuration.number('timeout_seconds'),
      minInstances: configuration.number('min_instances'),
      maxInstances: configuration.number('max_instances'),
    },
    metricsSummary: summary && {
      totalPredictions: summary.number('total_predictions'),
      avgLatencyMs: summary.number('avg_latency_ms'),
      errorRate: summary.number('error_rate'),
    },
    raw: fields.raw,
  };
}

export function deploymentPage(value: unknown): types.Page<types.DeploymentRecord> {
  const fields = new Fields(value);
  return {
    items: fields.requiredList('items', deploymentRecord),
    total: fields.requiredNumber('total'),
    limit: fields.requiredNumber('limit'),
    offset: fields.requiredNumber('offset'),
    raw: fields.raw,
  };
}

export function prediction(value: unknown): types.Prediction | types.BatchPrediction {
  const fields = new Fields(value);
  const common = {
    probabilities: fields.any('probabilities'),
    modelVersion: fields.text('model_version'),
    responseTimeMs: fields.number('response_time_ms'),
    raw: fields.raw,
  };
  const predictions = fields.list('predictions', (item) => item);
  if (predictions !== undefined) {
    return { predictions, batchSize: fields.number('batch_size'), ...common };
  }
  if (!('prediction' in fields.raw)) {
    fields.required('prediction', undefined);
  }
  return { prediction: fields.raw['prediction'], ...common };
}

export function metrics(value: unknown): types.Metrics {
  const fields = new Fields(value);
  const counts = fields.required('metrics', fields.object('metrics'));
  const period = fields.object('period');
  const series = fields.object('time_series');
  const cost = fields.object('cost_estimate');
  const breakdown = cost?.object('breakdown')?.raw ?? {};
  return {
    deploymentId: fields.requiredText('deployment_id'),
    requestCount: counts.number('request_count') ?? 0,
    errorCount: counts.number('error_count') ?? 0,
    avgLatencyMs: counts.number('avg_latency_ms'),
    p95LatencyMs: counts.number('p95_latency_ms'),
    p99LatencyMs: counts.number('p99_latency_ms'),
    coldStarts: counts.number('cold_starts') ?? 0,
    uniqueUsers: counts.number('unique_users') ?? 0,
    period: period && { start: period.time('start'), end: period.time('end') },
    timeSeries: series && {
      timestamps: series.list('timestamps', toTime) ?? [],
      requestCounts: series.list('request_counts', toNumber) ?? [],
      avgLatencies:
        series.list('avg_latencies', (item, where) => (item === null ? null : toNumber(item, where))) ?? [],
    },
    costEstimate: cost && {
      totalUsd: cost.number('total_usd'),
      breakdown: Object.fromEntries(
        Object.entries(breakdown).map(([name, amount]) => [
          name,
          toNumber(amount, `answer.cost_estimate.breakdown.${name}`),
        ]),
      ),
    },
    dashboardUrl: fields.text('dashboard_url'),
    raw: fields.raw,
  };
}

export function version(value: unknown, where?: string): types.Version {
  const fields = new Fields(value, where);
  return {
    version: fields.requiredText('version'),
    createdAt: fields.time('created_at'),
    status: fields.text('status'),
    isCurrent: fields.flag('is_current') ?? false,
    changes: fields.text('changes'),
  };
}

export function webhook(value: unknown, where?: string): types.Webhook {
  const fields = new Fields(value, where);
  return {
    id: fields.requiredText('id'),
    url: fields.requiredText('url'),
    events: fields.requiredList('events', toText),
    createdAt: fields.time('created_at'),
    enabled: fields.flag('enabled') ?? true,
    raw: fields.raw,
  };
}

export function webhookDelivery(value: unknown, where?: string): types.WebhookDelivery {
  const fields = new Fields(value, where);
  return {
    id: fields.requiredText('id'),
    event: fields.requiredText('event'),
    attempt: fields.number('attempt') ?? 1,
    statusCode: fields.number('status_code'),
    error: fields.text('error'),
    deliveredAt: fields.time('delivered_at'),
    succeeded: fields.flag('succeeded') ?? false,
  };
}

export function deleted(value: unknown): types.Deleted {
  const fields = new Fields(value);
  return { id: fields.requiredText('id'), message: fields.text('message'), raw: fields.raw };
}

export function health(value: unknown): types.Health {
  const fields = new Fields(value);
  return {
    status: fields.requiredText('status'),
    message: fields.text('message'),
    version: fields.text('version'),
    timestamp: fields.time('timestamp'),
    raw: fields.raw,
  };
}

export function status(value: unknown): types.Status {
  const fields = new Fields(value);
  return {
    api: fields.requiredText('api'),
    deployments: fields.requiredText('deployments'),
    predictions: fields.requiredText('predictions'),
    database: fields.requiredText('database'),
    storage: fields.requiredText('storage'),
    issues: fields.list('issues', (item) => item) ?? [],
    raw: fields.raw,
  };
}

/** Reads the list below a name, each item with its own function. */
export function listOf<T>(name: string, item: (value: unknown, where: string) => T): (value: unknown) => T[] {
  return (value) => new Fields(value).requiredList(name, item);
}

/** Reads the text below a name. */
export function textOf(name: string): (value: unknown) => string {
  return (value) => new Fields(value).requiredText(name);
}
