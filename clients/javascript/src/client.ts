import { uploadErrorOf } from './answers.js';
import type { ClientOptions } from './configuration.js';
import * as decode from './decode.js';
import { Deployment } from './deployment.js';
import { ConfigurationError } from './errors.js';
import { modelFileName, toBlob, type FileContent } from './modelFile.js';
import { Sender, type Call } from './sender.js';
import type { ProgressListener } from './transport.js';
import type {
  ApiKey,
  BatchPrediction,
  Deleted,
  DeploymentStatus,
  Framework,
  Health,
  Metrics,
  NewApiKey,
  Page,
  Prediction,
  Registration,
  Resolution,
  Row,
  Status,
  Token,
  User,
  Version,
  Webhook,
  WebhookDelivery,
  WebhookEvent,
} from './types.js';
import { waitUntilReady, type WaitOptions } from './waiting.js';

/** Bytes of files that go along in the form; more go by an upload of their own, as the API takes no larger bodies. */
const LARGEST_FORM_FILES = 4_000_000;

export interface RequestOptions {
  /** Gives up when it is aborted. */
  signal?: AbortSignal | undefined;
}

export interface DeployOptions extends RequestOptions {
  /** The model: the content of a .pkl, .joblib, .pt, .pth, .h5, .keras or .onnx file. */
  modelFile: FileContent;
  /** The packages that the model needs: the content of a requirements.txt. */
  requirementsFile?: FileContent | string | undefined;
  /** The deployment's name. */
  name?: string | undefined;
  /** The model file's name; else the `File`'s own, else one made from its first bytes. */
  modelFileName?: string | undefined;
  /** Memory in MB (the API's default: 1024). */
  memory?: number | undefined;
  /** Seconds that a prediction may take (the API's default: 30). */
  timeout?: number | undefined;
  /** Deploy a new version of this deployment instead of a new deployment. */
  deploymentId?: string | undefined;
  /** What is new in this version, for the list of versions. */
  changes?: string | undefined;
  /** Accept a pickle that imports what models do not need. Only for files that you made yourself. */
  trusted?: boolean | undefined;
  /** Whether to wait until it is ready; it does if not said otherwise. */
  wait?: boolean | undefined;
  /** Milliseconds to wait at most; 900 000 if not given. */
  waitTimeoutMs?: number | undefined;
  /** Told of each piece of the upload; it starts again where the upload does. */
  onProgress?: ProgressListener | undefined;
  /** Told what each look of the wait found. */
  onLook?: ((deployment: Deployment) => void) | undefined;
  /** A key of your own, to repeat a deployment whose answer was lost with your program. */
  idempotencyKey?: string | undefined;
}

export interface DeploymentFilter {
  status?: DeploymentStatus | undefined;
  framework?: Framework | undefined;
  /** A part of the name. */
  search?: string | undefined;
}

export interface DeploymentUpdate {
  name?: string | undefined;
  memoryMb?: number | undefined;
  timeoutSeconds?: number | undefined;
  minInstances?: number | undefined;
  maxInstances?: number | undefined;
}

export interface MetricsOptions {
  hours?: number | undefined;
  resolution?: Resolution | undefined;
}

/**
 * A client of the ServeML API. Every method rejects with a subclass of `ServeMLError` where the API answers with an error
 * or not at all.
 */
export class ServeMLClient {
  readonly #sender: Sender;

  /** Makes a client; nothing is sent yet. */
  constructor(options: ClientOptions = {}) {
    this.#sender = new Sender(options);
  }

  /** Where the API is. */
  get baseUrl(): string {
    return this.#sender.baseUrl;
  }

  // Accounts

  /** Makes an account; the client uses its token from then on. */
  async register(account: {
    email: string;
    username: string;
    password: string;
    fullName?: string | undefined;
  }): Promise<Registration> {
    const { fullName, ...body } = account;
    const json = { ...body, full_name: fullName };
    const registration = await this.#post('auth/register', json, decode.registration, { authenticated: false });
    this.#sender.useKey(registration.accessToken);
    return registration;
  }

  /** Logs in; the client uses the token from then on, in place of its API key. */
  async login(credentials: { email: string; password: string }): Promise<Token> {
    const token = await this.#post('auth/login', credentials, decode.token, { authenticated: false });
    this.#sender.useKey(token.accessToken);
    return token;
  }

  /** Tells whose key this is. */
  me(): Promise<User> {
    return this.#get('auth/me', decode.user);
  }

  /** Makes an API key; it is shown this once. */
  createApiKey(name: string): Promise<NewApiKey> {
    return this.#post('api-keys', { name }, decode.newApiKey);
  }

  /** Lists the account's API keys. */
  listApiKeys(): Promise<ApiKey[]> {
    return this.#get('api-keys', decode.listOf('items', decode.apiKey));
  }

  /** Revokes an API key. */
  deleteApiKey(keyId: string): Promise<Deleted> {
    return this.#delete(path('api-keys', keyId));
  }

  // Deployments

  /**
   * Deploys a model file, and waits until it answers predictions. Files of more than 4 MB go by an upload of their own.
   * The request is sent again where the connection fails; its idempotency key lets the API deploy once.
   */
  async deploy(options: DeployOptions): Promise<Deployment> {
    const model = toBlob(options.modelFile, 'modelFile');
    if (model.size === 0) {
      throw new ConfigurationError('modelFile is empty');
    }
    const requirements =
      options.requirementsFile === undefined ? undefined : toBlob(options.requirementsFile, 'requirementsFile');
    const name = await modelFileName(model, options.modelFileName);
    const form = new FormData();
    const uploaded = model.size + (requirements?.size ?? 0) > LARGEST_FORM_FILES;
    if (uploaded) {
      form.set('upload_id', await this.#upload(model, name, options));
    } else {
      form.set('model_file', model, name);
    }
    if (requirements !== undefined) {
      form.set('requirements_file', requirements, 'requirements.txt');
    }
    const fields = {
      name: options.name,
      memory: options.memory,
      timeout: options.timeout,
      deployment_id: options.deploymentId,
      changes: options.changes,
      trusted: options.trusted || undefined,
    };
    for (const [field, value] of Object.entries(fields)) {
      if (value !== undefined) {
        form.set(field, String(value));
      }
    }
    const record = await this.#sender.send({
      method: 'POST',
      path: '/api/v1/deploy',
      parse: decode.deploymentRecord,
      form,
      idempotencyKey: options.idempotencyKey ?? randomKey(),
      onProgress: uploaded ? undefined : options.onProgress,
      signal: options.signal,
    });
    const deployment = new Deployment(this, record);
    if (options.wait === false) {
      return deployment;
    }
    const { waitTimeoutMs: timeoutMs, onLook, signal, deploymentId } = options;
    return this.#wait(deployment.id, { timeoutMs, onLook, signal }, deploymentId !== undefined);
  }

  /** Gives one page of the deployments, at most 100 (the API's default: 20); `deployments` goes through all. */
  async listDeployments(
    options: DeploymentFilter & { limit?: number | undefined; offset?: number | undefined } = {},
  ): Promise<Page<Deployment>> {
    const { limit, offset, status, framework, search } = options;
    const query = { limit, offset, status, framework, search };
    const page = await this.#get('deployments', decode.deploymentPage, { query });
    return { ...page, items: page.items.map((record) => new Deployment(this, record)) };
  }

  /** Goes through all deployments; pages are asked for as they are needed. */
  async *deployments(
    options: DeploymentFilter & { pageSize?: number | undefined } = {},
  ): AsyncGenerator<Deployment, void, undefined> {
    const { pageSize, ...filter } = options;
    for (let offset = 0; ; ) {
      const page = await this.listDeployments({ ...filter, limit: pageSize ?? 100, offset });
      yield* page.items;
      offset += page.items.length;
      if (page.items.length === 0 || offset >= page.total) {
        return;
      }
    }
  }

  /** Gives a deployment with its configuration and its figures in short. */
  async getDeployment(deploymentId: string, options: RequestOptions = {}): Promise<Deployment> {
    return new Deployment(this, await this.#get(path('deployments', deploymentId), decode.deploymentRecord, options));
  }

  /** Changes a deployment's name or configuration; what is not given stays. It is `updating` for a while. */
  async updateDeployment(deploymentId: string, changes: DeploymentUpdate): Promise<Deployment> {
    const record = await this.#sender.send({
      method: 'PATCH',
      path: `/api/v1/${path('deployments', deploymentId)}`,
      parse: decode.deploymentRecord,
      json: {
        name: changes.name,
        memory_mb: changes.memoryMb,
        timeout_seconds: changes.timeoutSeconds,
        min_instances: changes.minInstances,
        max_instances: changes.maxInstances,
      },
    });
    return new Deployment(this, record);
  }

  /** Deletes a deployment, its versions and its endpoint. */
  deleteDeployment(deploymentId: string): Promise<Deleted> {
    return this.#delete(path('deployments', deploymentId));
  }

  /** Waits until a deployment is active; rejects with a `DeploymentFailedError` or a `WaitTimeoutError` otherwise. */
  waitUntilReady(deploymentId: string, options: WaitOptions<Deployment> = {}): Promise<Deployment> {
    return this.#wait(deploymentId, options, false);
  }

  /** Gives the log of a deployment's build. */
  getLogs(deploymentId: string): Promise<string> {
    return this.#get(path('deployments', deploymentId, 'logs'), decode.textOf('logs'));
  }

  /** Lists a deployment's versions, the latest first. */
  listVersions(deploymentId: string): Promise<Version[]> {
    return this.#get(path('deployments', deploymentId, 'versions'), decode.listOf('versions', decode.version));
  }

  /** Makes an earlier version, such as `v2`, the current one. */
  async rollback(deploymentId: string, version: string): Promise<Deployment> {
    const where = path('deployments', deploymentId, 'rollback');
    return new Deployment(this, await this.#post(where, { version }, decode.deploymentRecord));
  }

  // Predictions

  /** Predicts for one row: its values, or an object of the features' names and values. */
  predict(deploymentId: string, data: Row, options?: RequestOptions): Promise<Prediction>;
  /** Predicts for several rows at once. */
  predict(deploymentId: string, data: readonly Row[], options?: RequestOptions): Promise<BatchPrediction>;
  predict(
    deploymentId: string,
    data: Row | readonly Row[],
    options: RequestOptions = {},
  ): Promise<Prediction | BatchPrediction> {
    return this.#post(path('predict', deploymentId), { data }, decode.prediction, options);
  }

  /** Tries a deployment's model with named features; it answers as `predict` does. */
  testModel(deploymentId: string, data: Row, options?: RequestOptions): Promise<Prediction>;
  testModel(deploymentId: string, data: readonly Row[], options?: RequestOptions): Promise<BatchPrediction>;
  testModel(
    deploymentId: string,
    data: Row | readonly Row[],
    options: RequestOptions = {},
  ): Promise<Prediction | BatchPrediction> {
    return this.#post('test-model', { deployment_id: deploymentId, data }, decode.prediction, options);
  }

  /** Gives a deployment's figures over the last hours (at most 168; the API's default: 24). */
  getMetrics(deploymentId: string, options: MetricsOptions = {}): Promise<Metrics> {
    const query = { hours: options.hours, resolution: options.resolution };
    return this.#get(path('metrics', deploymentId), decode.metrics, { query });
  }

  // Webhooks

  /** Has an address told of events; deliveries are signed with the secret. */
  createWebhook(webhook: { url: string; events: readonly WebhookEvent[]; secret: string }): Promise<Webhook> {
    return this.#post('webhooks', webhook, decode.webhook);
  }

  /** Lists the account's webhooks. */
  listWebhooks(): Promise<Webhook[]> {
    return this.#get('webhooks', decode.listOf('items', decode.webhook));
  }

  /** Deletes a webhook. */
  deleteWebhook(webhookId: string): Promise<Deleted> {
    return this.#delete(path('webhooks', webhookId));
  }

  /** Has a test event delivered; gives the delivery's id. */
  testWebhook(webhookId: string): Promise<string> {
    return this.#post(path('webhooks', webhookId, 'test'), undefined, decode.textOf('delivery_id'));
  }

  /** Lists the attempts to deliver to a webhook. */
  listWebhookDeliveries(webhookId: string): Promise<WebhookDelivery[]> {
    return this.#get(path('webhooks', webhookId, 'deliveries'), decode.listOf('items', decode.webhookDelivery));
  }

  // The platform

  /** Asks whether the API answers. */
  health(): Promise<Health> {
    return this.#sender.send({ method: 'GET', path: '/', parse: decode.health, authenticated: false });
  }

  /** Asks how each part of the platform does. */
  status(): Promise<Status> {
    return this.#get('status', decode.status, { authenticated: false });
  }

  // How requests are sent

  #get<T>(where: string, parse: (body: unknown) => T, more: Partial<Call<T>> = {}): Promise<T> {
    return this.#sender.send({ ...more, method: 'GET', path: `/api/v1/${where}`, parse });
  }

  #post<T>(where: string, json: unknown, parse: (body: unknown) => T, more: Partial<Call<T>> = {}): Promise<T> {
    return this.#sender.send({ ...more, method: 'POST', path: `/api/v1/${where}`, parse, json });
  }

  #delete(where: string): Promise<Deleted> {
    return this.#sender.send({ method: 'DELETE', path: `/api/v1/${where}`, parse: decode.deleted });
  }

  async #upload(model: Blob, fileName: string, options: DeployOptions): Promise<string> {
    const { onProgress, signal } = options;
    const asked = { file_name: fileName, size_bytes: model.size };
    const upload = await this.#post('uploads', asked, decode.upload, { signal });
    // Not with the key: the URL is signed, and storage is no part of the API.
    const request = { method: upload.method, url: upload.url, headers: upload.headers, body: model, onProgress };
    await this.#sender.exchange(request, true, uploadErrorOf, signal);
    return upload.id;
  }

  #wait(deploymentId: string, options: WaitOptions<Deployment>, update: boolean): Promise<Deployment> {
    const { signal } = options;
    return waitUntilReady(deploymentId, () => this.getDeployment(deploymentId, { signal }), options, update);
  }
}

function path(...parts: string[]): string {
  return parts.map(encodeURIComponent).join('/');
}

// crypto.randomUUID is missing in browsers on pages without https.
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
