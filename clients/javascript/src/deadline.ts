/** A time limit that starts again with each sign of life, joined to the caller's own signal. */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #milliseconds: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether the time was up, rather than the caller's signal aborted. */
  passed = false;

  constructor(milliseconds: number, outer?: AbortSignal) {
    this.#milliseconds = milliseconds;
    this.#outer = outer;
    if (outer?.aborted) {
      this.#abort();
    } else {
      outer?.addEventListener('abort', this.#abort);
      this.restart();
    }
  }

  /** Aborted when the time is up or the caller's signal is. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  restart(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.passed = true;
      this.#controller.abort();
    }, this.#milliseconds);
  }

  /** Ends it; nothing is aborted any more. */
  end(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#abort);
  }

  readonly #abort = (): void => this.#controller.abort(this.#outer?.reason);
}
