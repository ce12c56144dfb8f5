import type { CountingMachine, LinkSurroundings, Links } from "../relay/index.js";
import type { LinkLimits, Performer } from "../session/index.js";
import type { Admission } from "./admission.js";
import type { Arrivals } from "./arrivals.js";
import type { Certificates } from "./certificates.js";
import type { Network } from "./trusted-networks.js";

/** How one address, or the sockets of one name, are served. */
export type ListenerSettings = ListenerPlace & ListenerOptions;

/** An address to open, or the name of sockets that the process was handed. */
export type ListenerPlace =
  | { readonly host: string; readonly port: number; readonly socket?: undefined }
  | { readonly socket: string; readonly host?: undefined; readonly port?: undefined };

export type ListenerOptions = WithProxies &
  (
    | { readonly kind: "c2s" | "component"; readonly tls: "starttls" | "direct" | "none" }
    | {
        readonly kind: "websocket";
        readonly tls: "direct" | "none";
        /** Where the WebSocket is; begins with `/`. */
        readonly path: string;
        /** Whether the host's metadata is told (XEP-0156). */
        readonly hostMeta: boolean;
        /** The address that it names; undefined: made of the request's host and this listener. */
        readonly publicUrl: string | undefined;
        /** Whose scripts may connect, in lower case; undefined: everybody's. */
        readonly origins: readonly string[] | undefined;
        /** A client that said nothing for as long is asked whether it is there; 0: never. */
        readonly pingMs: number;
      }
  );

interface WithProxies {
  /** Every connection begins with a PROXY header, and comes from one of these networks. */
  readonly proxyProtocol?: { readonly from: readonly Network[] } | undefined;
}

/** What all listeners share. */
export interface ListenerParts {
  readonly surroundings: LinkSurroundings;
  readonly links: Links;
  readonly admission: Admission;
  readonly arrivals: Arrivals;
  readonly certificates: Certificates;
  /** Limits of now. */
  limits(): LinkLimits;
  openMachine(settings: ListenerSettings, performer: Performer): CountingMachine;
}
