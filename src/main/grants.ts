import type { Logger } from "pino";
import type { StoreConfig } from "../config/index.js";
import type { Turns } from "../relay/index.js";
import type { GrantKeeper } from "../session/index.js";
import { GrantStore } from "../store/index.js";
import type { StoredChange, StoredGrant, StoreError } from "../store/index.js";

/** Keeps the grants of client mode in the store, once there is one. */
export class Grants implements GrantKeeper {
  readonly #log: Logger;
  readonly #turns: Turns;
  #store: GrantStore | undefined;
  #maxGrants = 0;

  constructor(log: Logger, turns: Turns) {
    this.#log = log;
    this.#turns = turns;
  }

  /** Whether the store can be written, as far as is known; undefined without one. */
  get isWritable(): boolean | undefined {
    return this.#store && this.#store.problem === undefined;
  }

  get room(): number {
    return Math.max(0, this.#maxGrants - (this.#store?.size ?? 0));
  }

  /**
   * Opens the store of a configuration that has one, unless it is open. Returns what it holds when it was opened.
   *
   * Errors  rejects with StoreError.
   */
  async open(config: StoreConfig): Promise<readonly StoredGrant[]> {
    this.#maxGrants = config.maxGrants;
    if (this.#store !== undefined) {
      if (this.#store.path !== config.path)
        this.#log.warn({ event: "store-stays", path: this.#store.path }, "a reload does not move the store");
      return [];
    }
    const { store, grants } = await GrantStore.open(config.path, {
      changed: (problem) => {
        this.#tell(problem);
      },
    });
    this.#store = store;
    return grants;
  }

  save(
    domain: string,
    changes: Parameters<GrantKeeper["save"]>[1],
    otherwise: Parameters<GrantKeeper["save"]>[2],
    done: (isStored: boolean) => void,
  ): void {
    if (this.#store === undefined) {
      done(false);
      return;
    }
    const inDomain = (all: typeof changes): readonly StoredChange[] =>
      all.map((change) =>
        change.kind === "put"
          ? { kind: "put", grant: { ...change.grant, domain } }
          : { kind: "remove", domain, account: change.account, namespace: change.namespace },
      );
    const saved = this.#store.save(inDomain(changes), inDomain(otherwise));
    void this.#settle(saved, done);
  }

  async close(): Promise<void> {
    await this.#store?.close();
  }

  async #settle(saved: Promise<void>, done: (isStored: boolean) => void): Promise<void> {
    let isStored = true;
    try {
      await saved;
    } catch {
      // The store has told why, once for all that it refuses.
      isStored = false;
    }
    this.#turns.begin(undefined);
    done(isStored);
    this.#turns.end();
  }

  #tell(problem: StoreError | undefined): void {
    if (problem === undefined) this.#log.info({ event: "store-writable" }, "grants can be stored again");
    else
      this.#log.error(
        { event: "store-failed", code: problem.code, err: problem },
        "grants cannot be stored; nothing is granted until they can",
      );
  }
}
