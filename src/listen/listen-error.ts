import { hostAndPort } from "../xmpp/index.js";

/** An address or a socket that cannot be listened on. The operator's fault; `message` says what to do. */
export class ListenError extends Error {
  override readonly name = "ListenError";

  /** Says in the operator's words why `host` and `port` could not be opened. */
  static of(host: string, port: number, cause: unknown): ListenError {
    return new ListenError(`cannot listen on ${hostAndPort(host, port)}: ${explained(cause)}`, { cause });
  }

  /** The same for a socket in the file system. */
  static ofPath(path: string, cause: unknown): ListenError {
    return new ListenError(`cannot listen on ${path}: ${explained(cause)}`, { cause });
  }

  /** The same for a socket that was handed over. */
  static ofSocket(name: string, reason: string): ListenError {
    return new ListenError(`cannot listen on the socket ${JSON.stringify(name)}: ${reason}`);
  }
}

function explained(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  switch (code) {
    case "EADDRINUSE":
      return "another program has this port";
    case "EACCES":
      return "not permitted; choose a port above 1023 or grant CAP_NET_BIND_SERVICE";
    case "EADDRNOTAVAIL":
      return "this machine has no such address";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "the name has no address";
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}
