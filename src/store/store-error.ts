/** What can be wrong with a store, for the operator; listed in `docs/client-mode.md`. */
export const storeProblems = {
  "store-locked": "another process has the store open",
  "store-corrupt": "what is in the folder is damaged, incomplete, or no store",
  "store-newer": "the store was written by a later version",
  "store-unwritable": "the folder cannot be made, read or written by this user",
  "store-full": "there is no room left on the device, or a quota is used up",
  "store-failed": "the system reports another error",
} as const;

export type StoreProblem = keyof typeof storeProblems;

/** The store cannot be used. The message names the folder and what the system said, and nothing that is stored. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreProblem;

  constructor(code: StoreProblem, path: string, detail: string) {
    super(`${JSON.stringify(path)}: ${storeProblems[code]}${detail === "" ? "" : ` (${detail})`}`);
    this.code = code;
  }

  /** What Node.js or the database has thrown, in our words. */
  static of(path: string, thrown: unknown): StoreError {
    if (thrown instanceof StoreError) return thrown;
    const cause = causeOf(thrown);
    const code = "code" in cause ? String(cause.code) : "";
    // LevelDB names its own file and what the system said behind it.
    const detail = cause.message.replaceAll(`${path}/`, "").slice(0, 200);
    return new StoreError(problemOf(code, cause.message), path, detail);
  }
}

function causeOf(thrown: unknown): Error {
  if (!(thrown instanceof Error)) return new Error(String(thrown));
  return thrown.cause instanceof Error ? causeOf(thrown.cause) : thrown;
}

function problemOf(code: string, message: string): StoreProblem {
  if (code === "LEVEL_LOCKED") return "store-locked";
  if (code === "LEVEL_CORRUPTION") return "store-corrupt";
  if (/^(ENOSPC|EDQUOT|EFBIG)$/.test(code) || /No space left|[Qq]uota exceeded|File too large/.test(message)) {
    return "store-full";
  }
  if (/^(EACCES|EPERM|EROFS|ENOENT|ENOTDIR)$/.test(code) || /Permission denied|Read-only file system/.test(message)) {
    return "store-unwritable";
  }
  // A file that the database's own index names is not there, or is none.
  return /No such file|CURRENT|MANIFEST|does not exist|Invalid argument/.test(message)
    ? "store-corrupt"
    : "store-failed";
}
