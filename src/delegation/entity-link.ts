import type { Element } from "../xml/index.js";
import type { DelegatedNamespace } from "./advertisement.js";
import type { BreachCode, WrapperRefusalCode } from "./breach.js";

/** One request that is to be forwarded. `T` is the caller's token, `R` its rule; both come back with the outcome. */
export interface ForwardedRequest<T, R> {
  /** `id` of the wrapper: unguessable, unique for ever. */
  readonly outerId: string;
  /** Takes the place of the request's own id while that one is in use at this entity (protocol.md D23). */
  readonly innerIdIfTaken: string;
  /** The request in normal form. Not changed. */
  readonly iq: Element;
  /** The sender's full JID as the server bound it, or a component's address. */
  readonly requester: string;
  readonly domain: string;
  /** Language of the requester's stream, if it has one. */
  readonly lang: string | undefined;
  readonly rule: R;
  readonly token: T;
  readonly now: number;
}

/** A request that is no longer outstanding. */
export interface Settled<T, R> {
  readonly token: T;
  readonly rule: R;
  readonly elapsedMs: number;
}

export type Acceptance<T, R> =
  | { readonly kind: "not-ours" }
  | { readonly kind: "late" }
  | ({ readonly kind: "reply"; readonly type: "result" | "error"; readonly reply: Element } & Settled<T, R>)
  | ({ readonly kind: "breach"; readonly code: BreachCode } & Settled<T, R>)
  | ({ readonly kind: "refused"; readonly code: WrapperRefusalCode } & Settled<T, R>);

export class EntityLink<T, R extends DelegatedNamespace = DelegatedNamespace & { readonly entity: string }> {
  constructor(_entity: string, _options: { readonly tombstones: number; readonly tombstoneMs: number }) {}

  get pending(): number {
    throw new Error("not written yet");
  }

  forward(_request: ForwardedRequest<T, R>): Buffer {
    throw new Error("not written yet");
  }

  isOurs(_outerId: string): boolean {
    throw new Error("not written yet");
  }

  accept(_stanza: Element, _now: number): Acceptance<T, R> {
    throw new Error("not written yet");
  }

  expire(_outerId: string, _now: number): Settled<T, R> | undefined {
    throw new Error("not written yet");
  }

  abandon(_outerId: string, _now: number): Settled<T, R> | undefined {
    throw new Error("not written yet");
  }

  drain(_now: number): readonly Settled<T, R>[] {
    throw new Error("not written yet");
  }
}
