import { BlockList, isIPv4 } from "node:net";
import { unmapped } from "../relay/index.js";

/** All addresses that begin with the same `prefix` bits as `address`. */
export interface Network {
  readonly address: string;
  readonly prefix: number;
}

/** The networks whose connections may say that they come from elsewhere. */
export class TrustedNetworks {
  readonly #list = new BlockList();

  constructor(networks: readonly Network[]) {
    for (const { address, prefix } of networks) this.#list.addSubnet(address, prefix, familyOf(address));
  }

  /** `address` as a socket has it: perhaps IPv4-mapped, perhaps with a zone. */
  has(address: string): boolean {
    const plain = unmapped(address.split("%", 1)[0] ?? "");
    return this.#list.check(plain, familyOf(plain));
  }
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIPv4(address) ? "ipv4" : "ipv6";
}
