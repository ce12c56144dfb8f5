import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ClassicLevel } from "classic-level";
import { COUNT_KEY, FORMAT, FORMAT_KEY, GRANT_RANGE, keyOf, readRecord, valueOf } from "./records.js";
import type { StoredChange, StoredGrant } from "./records.js";
import { StoreError } from "./store-error.js";

type Database = ClassicLevel;

interface Save {
  readonly changes: readonly StoredChange[];
  readonly otherwise: readonly StoredChange[];
  readonly stored: () => void;
  readonly failed: (error: StoreError) => void;
}

export interface StoreOptions {
  /** A store that failed is tried again after this time. */
  readonly retryMs?: number;
  /** Saves that may wait for the disk; further ones fail at once. */
  readonly maxWaiting?: number;
  /** Whether the store can be written; called when that changes. */
  readonly changed?: (problem: StoreError | undefined) => void;
}

const DEFAULTS = { retryMs: 30_000, maxWaiting: 1_000, changed: () => undefined } as const;

/**
 * The grants on disk.
 *
 * Strategy. All of them are read once, at the start; afterwards it is only written, each batch with a sync, and what comes
 * while the disk is busy goes into the next batch together. After a write that failed LevelDB takes no other, and nobody
 * knows how much of that one is on the disk. So the store is closed and opened anew, and the first thing that is written
 * is what is to hold instead of the writes that failed (`otherwise`).
 *
 * Errors  `open` rejects, and `save` reports, with a StoreError.
 */
export class GrantStore {
  readonly path: string;
  readonly #options: Required<StoreOptions>;
  #database: Database | undefined;
  #keys = new Set<string>();
  #waiting: Save[] = [];
  /** What is to hold as soon as the store can be written again, by key. */
  readonly #owed = new Map<string, StoredChange>();
  #work: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #problem: StoreError | undefined;
  #isClosed = false;

  private constructor(path: string, options: StoreOptions) {
    this.path = path;
    this.#options = { ...DEFAULTS, ...options };
  }

  /**
   * Opens a store, or makes an empty one. `grants` is everything that it holds.
   *
   * Shape   `path` is an absolute path of a folder; if it is not there it is made, for this user alone, in a folder that is.
   */
  static async open(
    path: string,
    options: StoreOptions = {},
  ): Promise<{ readonly store: GrantStore; readonly grants: readonly StoredGrant[] }> {
    const store = new GrantStore(path, options);
    return { store, grants: await store.#open() };
  }

  /** Undefined while the store can be written, as far as is known. */
  get problem(): StoreError | undefined {
    return this.#problem;
  }

  /** Grants in the store. */
  get size(): number {
    return this.#keys.size;
  }

  /**
   * Stores changes, all or none. Resolves when they are on the disk. If they cannot be, `otherwise` is what is to hold in
   * their place; it is written as soon as anything can be.
   */
  save(changes: readonly StoredChange[], otherwise: readonly StoredChange[]): Promise<void> {
    return new Promise((stored, failed) => {
      if (this.#isClosed || this.#waiting.length >= this.#options.maxWaiting) {
        const detail = this.#isClosed ? "the store is closed" : "too much waits for the disk";
        failed(new StoreError("store-failed", this.path, detail));
        return;
      }
      this.#waiting.push({ changes, otherwise, stored, failed });
      this.#begin();
    });
  }

  /** Writes what waits, then closes. */
  async close(): Promise<void> {
    clearTimeout(this.#retry);
    if (this.#owed.size > 0 && !this.#isClosed) this.#settle();
    this.#isClosed = true;
    while (this.#work !== undefined) await this.#work;
    const database = this.#database;
    this.#database = undefined;
    await database?.close();
  }

  /** Tries to write what is owed. */
  #settle(): void {
    this.#waiting.push({ changes: [], otherwise: [], stored: () => undefined, failed: () => undefined });
    this.#begin();
  }

  #begin(): void {
    this.#work ??= this.#write().finally(() => {
      this.#work = undefined;
      if (this.#waiting.length > 0) this.#begin();
    });
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      try {
        if (this.#database === undefined) await this.#open();
        await this.#commit([...this.#owed.values(), ...batch.flatMap(({ changes }) => changes)]);
        this.#owed.clear();
        for (const { stored } of batch) stored();
        this.#report(undefined);
      } catch (thrown) {
        await this.#fail(StoreError.of(this.path, thrown), batch);
      }
    }
  }

  async #fail(error: StoreError, batch: readonly Save[]): Promise<void> {
    for (const change of batch.flatMap(({ otherwise }) => otherwise)) this.#owed.set(keyOf(change), change);
    const database = this.#database;
    this.#database = undefined;
    await closeFailed(database);
    for (const { failed } of batch) failed(error);
    this.#report(error);
    if (this.#isClosed || this.#owed.size === 0) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#settle();
    }, this.#options.retryMs);
    this.#retry.unref();
  }

  async #commit(changes: readonly StoredChange[]): Promise<void> {
    const keys = new Set(this.#keys);
    const operations = changes.map((change) => {
      const key = keyOf(change);
      if (change.kind === "remove") {
        keys.delete(key);
        return { type: "del", key } as const;
      }
      keys.add(key);
      return { type: "put", key, value: valueOf(change.grant) } as const;
    });
    const count = { type: "put", key: COUNT_KEY, value: String(keys.size) } as const;
    // Without `sync` a batch survives the process, but not the machine.
    await this.#database?.batch([...operations, count], { sync: true });
    this.#keys = keys;
  }

  async #open(): Promise<readonly StoredGrant[]> {
    try {
      const hasRecords = prepareFolder(this.path);
      const { ClassicLevel } = await import("classic-level");
      const database = new ClassicLevel(this.path, { createIfMissing: !hasRecords });
      await database.open();
      try {
        const grants = await readAll(this.path, database, hasRecords);
        this.#keys = new Set(grants.map((grant) => keyOf({ kind: "put", grant })));
        this.#database = database;
        return grants;
      } catch (error) {
        await database.close();
        throw error;
      }
    } catch (thrown) {
      throw StoreError.of(this.path, thrown);
    }
  }

  #report(problem: StoreError | undefined): void {
    if (problem?.code === this.#problem?.code) return;
    this.#problem = problem;
    this.#options.changed(problem);
  }
}

async function closeFailed(database: Database | undefined): Promise<void> {
  try {
    await database?.close();
  } catch {
    // It has failed already; what closing says adds nothing.
  }
}

/** Makes the folder if need be. Returns whether there are records in it: no new store may be made beside them. */
function prepareFolder(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) mkdirSync(path, { mode: 0o700 });
  const names = readdirSync(path);
  if (names.some((name) => !OWN_NAME.test(name))) {
    throw new StoreError("store-corrupt", path, "other files are in the folder");
  }
  return names.some((name) => RECORDS.test(name) && statSync(join(path, name)).size > 0);
}

const OWN_NAME = /^(?:\d+\.(?:ldb|sst|log|dbtmp)|MANIFEST-\d+|CURRENT|LOCK|LOG(?:\.old)?)$/;
/** Files in which LevelDB keeps records. */
const RECORDS = /^\d+\.(?:ldb|sst|log)$/;

/** LevelDB leaves out, without a word, records that it cannot read; so what it reads is held against what was written. */
async function readAll(path: string, database: Database, hasRecords: boolean): Promise<readonly StoredGrant[]> {
  const format = await database.get(FORMAT_KEY);
  if (format === undefined) {
    const isEmpty = (await database.keys({ limit: 1 }).all()).length === 0;
    if (!isEmpty || hasRecords) throw new StoreError("store-corrupt", path, "its beginning cannot be read");
    await database.batch([{ type: "put", key: FORMAT_KEY, value: FORMAT }], { sync: true });
  } else if (format !== FORMAT) throw new StoreError("store-newer", path, `format ${format.slice(0, 20)}`);

  const grants: StoredGrant[] = [];
  for await (const [key, value] of database.iterator(GRANT_RANGE)) {
    const grant = readRecord(key, value);
    if (grant === undefined) throw new StoreError("store-corrupt", path, "a record cannot be read");
    grants.push(grant);
  }
  const count = (await database.get(COUNT_KEY)) ?? "0";
  if (count === String(grants.length)) return grants;
  const detail = `${grants.length} grants can be read, ${count.slice(0, 20)} were written`;
  throw new StoreError("store-corrupt", path, detail);
}
