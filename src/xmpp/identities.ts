import { NS } from "./namespaces.js";

/** What servers say they are because of a namespace, `category/type` (XEP-0163 §6; protocol.md D52). */
export const serverIdentities: ReadonlyMap<string, readonly string[]> = new Map([[NS.pubsub, ["pubsub/pep"]]]);
