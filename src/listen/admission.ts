import { isIPv6 } from "node:net";
import type { Refusal } from "../relay/index.js";

export interface AdmissionLimits {
  /** Connections at once. */
  readonly connections: number;
  /** The same from one address, or from one IPv6 network of 64 bits; 0: no limit. */
  readonly connectionsPerAddress: number;
}

/** Counts connections over all listeners, so that nobody takes them all. */
export class Admission {
  #limits: AdmissionLimits;
  #connections = 0;
  readonly #byNetwork = new Map<string, number>();

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /** From now on; connections that are there stay. */
  configure(limits: AdmissionLimits): void {
    this.#limits = limits;
  }

  /**
   * Undefined: it may come in, and `leave` must follow. Without an address it counts for all connections only, until
   * `identify` tells whose it is.
   */
  enter(address?: string): Refusal | undefined {
    if (this.#connections >= this.#limits.connections) return "connections";
    const refusal = address === undefined ? undefined : this.identify(address);
    if (refusal === undefined) this.#connections++;
    return refusal;
  }

  /** Says whose connection came in without an address. A refused one still has to leave, without an address. */
  identify(address: string): Refusal | undefined {
    const { connectionsPerAddress } = this.#limits;
    const network = networkOf(address);
    const others = this.#byNetwork.get(network) ?? 0;
    if (connectionsPerAddress > 0 && others >= connectionsPerAddress) return "connections_per_address";
    this.#byNetwork.set(network, others + 1);
    return undefined;
  }

  leave(address?: string): void {
    this.#connections--;
    if (address === undefined) return;
    const network = networkOf(address);
    const left = (this.#byNetwork.get(network) ?? 0) - 1;
    if (left > 0) this.#byNetwork.set(network, left);
    else this.#byNetwork.delete(network);
  }
}

/** One customer has an IPv4 address, or a whole IPv6 network of 64 bits (RFC 6177 §2). */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [front = "", back] = (address.split("%")[0] ?? "").toLowerCase().split("::");
  const head = front === "" ? [] : front.split(":");
  const tail = back === undefined || back === "" ? [] : back.split(":");
  const zeros = back === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  return [...head, ...Array.from({ length: zeros }, () => "0"), ...tail].slice(0, 4).join(":");
}
