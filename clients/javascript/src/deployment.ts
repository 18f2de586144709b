import type { DeploymentUpdate, MetricsOptions, RequestOptions, ServeMLClient } from './client.js';
import { deploymentRecord } from './decode.js';
import type {
  BatchPrediction,
  Configuration,
  Deleted,
  DeploymentRecord,
  JsonObject,
  Metrics,
  MetricsSummary,
  ModelMetadata,
  Prediction,
  Row,
  Version,
} from './types.js';
import type { WaitOptions } from './waiting.js';

/** A deployment. `refresh`, `update`, `rollback` and `waitUntilReady` change it in place. */
export class Deployment implements DeploymentRecord {
  id!: string;
  name: string | undefined;
  status!: string;
  createdAt: Date | undefined;
  updatedAt: Date | undefined;
  endpointUrl: string | undefined;
  currentVersion: string | undefined;
  error: string | undefined;
  modelMetadata: ModelMetadata | undefined;
  configuration: Configuration | undefined;
  metricsSummary: MetricsSummary | undefined;
  raw!: JsonObject;
  readonly #client: ServeMLClient;

  constructor(client: ServeMLClient, record: DeploymentRecord) {
    this.#client = client;
    this.#take(record);
  }

  /** Asks the API how the deployment is now. */
  async refresh(): Promise<this> {
    return this.#take(await this.#client.getDeployment(this.id));
  }

  /** Waits until it is active; throws a `DeploymentFailedError` or a `WaitTimeoutError` otherwise. */
  async waitUntilReady(options: WaitOptions<Deployment> = {}): Promise<this> {
    return this.#take(await this.#client.waitUntilReady(this.id, options));
  }

  /** Predicts for one row. */
  predict(data: Row, options?: RequestOptions): Promise<Prediction>;
  /** Predicts for several rows at once. */
  predict(data: readonly Row[], options?: RequestOptions): Promise<BatchPrediction>;
  predict(data: Row | readonly Row[], options?: RequestOptions): Promise<Prediction | BatchPrediction> {
    return this.#client.predict(this.id, data as Row, options);
  }

  /** Tries the model with named features; it answers as `predict` does. */
  testModel(data: Row, options?: RequestOptions): Promise<Prediction>;
  testModel(data: readonly Row[], options?: RequestOptions): Promise<BatchPrediction>;
  testModel(data: Row | readonly Row[], options?: RequestOptions): Promise<Prediction | BatchPrediction> {
    return this.#client.testModel(this.id, data as Row, options);
  }

  /** Gives its figures over the last hours (at most 168; the API's default: 24). */
  getMetrics(options: MetricsOptions = {}): Promise<Metrics> {
    return this.#client.getMetrics(this.id, options);
  }

  /** Gives the log of its build. */
  getLogs(): Promise<string> {
    return this.#client.getLogs(this.id);
  }

  /** Lists its versions, the latest first. */
  listVersions(): Promise<Version[]> {
    return this.#client.listVersions(this.id);
  }

  /** Makes an earlier version, such as `v2`, the current one. */
  async rollback(version: string): Promise<this> {
    return this.#merge(await this.#client.rollback(this.id, version));
  }

  /** Changes its name or configuration; what is not given stays. It is `updating` for a while. */
  async update(changes: DeploymentUpdate): Promise<this> {
    return this.#merge(await this.#client.updateDeployment(this.id, changes));
  }

  /** Deletes it, its versions and its endpoint. */
  delete(): Promise<Deleted> {
    return this.#client.deleteDeployment(this.id);
  }

  #take(record: DeploymentRecord): this {
    Object.assign(this, record);
    return this;
  }

  // An update's answer tells a part only.
  #merge(record: DeploymentRecord): this {
    return this.#take(deploymentRecord({ ...this.raw, ...record.raw }));
  }
}
