import type { ReloadFailure } from "../admin/index.js";
import type { Problem } from "../config/index.js";
import type { Families } from "../metrics/index.js";

/** What became of attempts to read the configuration again. */
export class ReloadCounts {
  #succeeded = 0;
  #failed = 0;
  #lastFailure: ReloadFailure | undefined;
  /** Seconds since the epoch; also that of the start. */
  #appliedAt = 0;

  constructor(families: Families) {
    families.counter(
      {
        name: "caesura_config_reloads_total",
        help: "Attempts to read the configuration again, by outcome",
        labels: ["outcome"],
      },
      (sample) => {
        sample(this.#succeeded, "success");
        sample(this.#failed, "failure");
      },
    );
    families.gauge(
      {
        name: "caesura_config_last_reload_successful",
        help: "Whether the last attempt to read the configuration succeeded",
        labels: [],
      },
      (sample) => sample(this.lastSucceeded ? 1 : 0),
    );
    families.gauge(
      {
        name: "caesura_config_last_reload_success_timestamp_seconds",
        help: "When the configuration in use was taken, seconds since the epoch",
        labels: [],
      },
      (sample) => sample(this.#appliedAt),
    );
  }

  get counts(): { readonly succeeded: number; readonly failed: number } {
    return { succeeded: this.#succeeded, failed: this.#failed };
  }

  get lastSucceeded(): boolean {
    return this.#lastFailure === undefined;
  }

  /** Why the file on disk is not what is in use; undefined if it is. */
  get lastFailure(): ReloadFailure | undefined {
    return this.#lastFailure;
  }

  /** Milliseconds since the epoch. */
  get appliedAtMs(): number {
    return this.#appliedAt * 1000;
  }

  /** A configuration is in use; `isReload` is false for the one of the start. */
  done(isReload: boolean): void {
    if (isReload) this.#succeeded++;
    this.#lastFailure = undefined;
    this.#appliedAt = Date.now() / 1000;
  }

  /** The old configuration stays. */
  failed(message: string, problems: readonly Problem[] = []): void {
    this.#failed++;
    this.#lastFailure = { at: new Date().toISOString(), message, problems };
  }
}
