import { ListenError } from "./listen-error.js";

/**
 * The listening sockets that the service manager opened before it started us, and keeps: connections queue there while no
 * process accepts them, so that a restart refuses nobody.
 *
 * A name may stand for several sockets, e.g. one of IPv4 and one of IPv6. Each can be taken once: closing it is for ever,
 * and its number may be that of another connection afterwards.
 *
 * Source  sd_listen_fds(3): `LISTEN_PID`, `LISTEN_FDS`, `LISTEN_FDNAMES`; descriptors count from 3.
 */
export class InheritedSockets {
  readonly #descriptors: ReadonlyMap<string, readonly number[]>;
  readonly #taken = new Set<string>();

  private constructor(descriptors: ReadonlyMap<string, readonly number[]>) {
    this.#descriptors = descriptors;
  }

  /** None, for a process that opens its ports itself. */
  static none(): InheritedSockets {
    return new InheritedSockets(new Map());
  }

  /**
   * Reads the variables of the environment.
   *
   * Errors  none: what is meant for another process (`LISTEN_PID`), or is no such announcement, counts as nothing.
   */
  static of(env: Readonly<Record<string, string | undefined>>, pid: number): InheritedSockets {
    const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = env;
    const count = LISTEN_PID === String(pid) && /^[0-9]{1,4}$/.test(LISTEN_FDS ?? "") ? Number(LISTEN_FDS) : 0;
    const names = LISTEN_FDNAMES === undefined || LISTEN_FDNAMES === "" ? [] : LISTEN_FDNAMES.split(":");
    const descriptors = new Map<string, number[]>();
    for (let index = 0; index < count; index++) {
      // The name that sd_listen_fds_with_names(3) gives to what has none.
      const name = names[index] ?? "unknown";
      const others = descriptors.get(name);
      if (others === undefined) descriptors.set(name, [firstDescriptor + index]);
      else others.push(firstDescriptor + index);
    }
    return new InheritedSockets(descriptors);
  }

  get names(): ReadonlySet<string> {
    return new Set(this.#descriptors.keys());
  }

  /** Those that nobody has taken: who connects there waits for ever. */
  get unused(): readonly string[] {
    return [...this.#descriptors.keys()].filter((name) => !this.#taken.has(name));
  }

  /**
   * The descriptors of a name, at least one; from now on they are the caller's.
   *
   * Errors  throws `ListenError` if there is none, or if it was taken before.
   */
  take(name: string): readonly number[] {
    const descriptors = this.#descriptors.get(name);
    if (descriptors === undefined)
      throw ListenError.ofSocket(name, "the service manager handed over none of this name");
    if (this.#taken.has(name))
      throw ListenError.ofSocket(name, "it was given up by an earlier reload; restart Caesura");
    this.#taken.add(name);
    return descriptors;
  }
}

/** SD_LISTEN_FDS_START. */
const firstDescriptor = 3;
