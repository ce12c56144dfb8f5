import type { CountedLink } from "./counters.js";
import type { LinkTotals } from "./link-log.js";
import { unmapped } from "./proxy-header.js";

/** A link as an operator sees it. */
export interface LinkView extends LinkTotals {
  /** The connection id of the log. */
  readonly id: string;
  readonly kind: "c2s" | "component";
  readonly listener: string;
  /** Address of the peer. */
  readonly remote: string;
  /** Once its server leg was asked for. */
  readonly domain: string | undefined;
  readonly isSecure: boolean;
  readonly hasServer: boolean;
  readonly isEnding: boolean;
  readonly queuedBytes: number;
}

type Told = Pick<LinkView, "domain" | "isSecure" | "hasServer" | "isEnding" | "bytesUp" | "bytesDown">;
type ViewedLink = CountedLink & {
  readonly id: string;
  readonly origin: { readonly kind: LinkView["kind"]; readonly counters: { readonly name: string } };
  readonly remoteAddress: string;
  /** Milliseconds of the process's clock. */
  readonly openedAt: number;
};

/** What is known of a link from outside, and what it tells of itself. */
export function linkView(link: ViewedLink, told: Told): LinkView {
  const { frames } = link;
  const stanzas = (counts: NonNullable<typeof frames>["up"] | undefined): number =>
    counts === undefined ? 0 : counts.message + counts.presence + counts.iq;
  return {
    ...told,
    id: link.id,
    kind: link.origin.kind,
    listener: link.origin.counters.name,
    remote: unmapped(link.remoteAddress),
    seconds: Math.max(0, Math.round(performance.now() - link.openedAt)) / 1000,
    stanzasUp: stanzas(frames?.up),
    stanzasDown: stanzas(frames?.down),
    queuedBytes: link.queuedOn("near") + link.queuedOn("server"),
  };
}
