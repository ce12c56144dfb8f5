import { chmodSync, lstatSync, statSync, unlinkSync, type Stats } from "node:fs";
import type { Server } from "node:http";
import { connect } from "node:net";
import { dirname } from "node:path";

/** A path that cannot be listened on. The operator's fault; `message` says why. */
export class SocketPathError extends Error {
  override readonly name = "SocketPathError";
}

/** Errors  throws `SocketPathError`. */
export function setMode({ path, mode }: { readonly path: string; readonly mode: number }): void {
  try {
    chmodSync(path, mode);
  } catch (error) {
    throw explained(error);
  }
}

/**
 * Listens on a socket in the file system, which nobody but those whom `mode` names may open at any moment. What an earlier
 * process left behind is removed: a socket on which nobody listens. The path goes when the server closes.
 *
 * Errors  rejects with `SocketPathError`: something else is there, somebody listens, or the folder does not allow it.
 */
export async function listenOnPath(server: Server, path: string, mode: number): Promise<void> {
  await removeStale(path);
  await new Promise<void>((resolve, reject) => {
    const failed = (error: Error): void => reject(explained(error));
    server.once("error", failed);
    // The socket is made within `listen`: with this mask nobody gets in before the mode is set.
    const mask = process.umask(0o177);
    try {
      server.listen({ path }, () => {
        server.off("error", failed);
        resolve();
      });
    } finally {
      process.umask(mask);
    }
  });
  try {
    setMode({ path, mode });
  } catch (error) {
    server.close();
    throw error;
  }
}

async function removeStale(path: string): Promise<void> {
  // Node cuts a path that is too long, and calls a missing folder a forbidden one.
  if (Buffer.byteLength(path) > MOST_PATH_BYTES) throw new SocketPathError("the path is too long");
  let found: Stats | undefined;
  try {
    statSync(dirname(path));
    found = lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw explained(error);
  }
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new SocketPathError("something that is no socket is there; remove it or name another path");
  }
  if (await isListenedOn(path)) {
    throw new SocketPathError("another process listens there; stop it or name another path");
  }
  try {
    unlinkSync(path);
  } catch (error) {
    throw explained(error);
  }
}

// sockaddr_un of Linux has 108 bytes, the last of which is zero.
const MOST_PATH_BYTES = 107;

/** Nobody does only if the system says so; whoever cannot be asked is believed to be there. */
function isListenedOn(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const done = (isThere: boolean): void => {
      clearTimeout(deadline);
      socket.destroy();
      resolve(isThere);
    };
    const deadline = setTimeout(() => done(true), 1000);
    socket.once("connect", () => done(true));
    socket.once("error", (error: NodeJS.ErrnoException) =>
      done(error.code !== "ECONNREFUSED" && error.code !== "ENOENT"),
    );
  });
}

function explained(cause: unknown): SocketPathError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const reasons: Readonly<Record<string, string>> = {
    EACCES: "this user may not write to its folder",
    EPERM: "this user may not change it",
    ENOENT: "its folder does not exist",
    ENOTDIR: "its folder is none",
    EROFS: "the file system is read-only",
    EADDRINUSE: "another process listens there",
    ENAMETOOLONG: "the path is too long",
    EINVAL: "the path is too long",
  };
  const known = typeof code === "string" ? reasons[code] : undefined;
  return new SocketPathError(known ?? (cause instanceof Error ? cause.message : String(cause)), { cause });
}
