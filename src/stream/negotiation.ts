/**
 * How far a client's stream has come: authentication (SASL, XEP-0388, XEP-0078) and resource binding, as a table.
 *
 * It must guarantee that a stream is read as the server reads it across the restart after SASL (RFC 6120 §6.4.6), and
 * that nobody counts as authenticated or bound but by the server's own words (protocol.md A10, A11, R2). A client may
 * send its new stream header right behind `<auth/>` (XEP-0305), before the server has said whether the stream starts
 * anew; so the client's bytes are held from each SASL element until the server answers it.
 */
export type NegotiationState =
  | "open"
  /** A SASL element of the client is with the server; the client's bytes are held. */
  | "waiting"
  /** The server's challenge is with the client. */
  | "challenged"
  /** The same for SASL2 (XEP-0388). */
  | "sasl2"
  | "sasl2-challenged"
  | "iq-auth"
  | "authenticated"
  | "bound"
  /** The server took the stream for the rest of an earlier one (XEP-0198 §5): there is a resource, and its JID is not told. */
  | "resumed";

export type NegotiationEvent =
  // from the client
  | "sasl-auth"
  | "sasl-response"
  | "sasl-abort"
  | "sasl2-authenticate"
  /** `<response/>`, `<next/>`, `<task-data/>`, `<abort/>`: whatever the server answers. */
  | "sasl2-response"
  | "iq-auth-request"
  // from the server
  | "sasl-challenge"
  | "sasl-success"
  | "sasl-failure"
  /** `<challenge/>`, `<continue/>`, `<task-data/>`: whatever the client answers. */
  | "sasl2-challenge"
  | "sasl2-success"
  | "sasl2-bound"
  | "sasl2-failure"
  | "bind-result"
  | "resumed"
  | "iq-auth-result"
  | "iq-auth-error";

/** What must be done besides relaying the element: hold or release the client's bytes, or start both streams anew. */
export type NegotiationAction =
  | "relay"
  | "hold"
  | "release"
  | "restart"
  | "authenticated"
  | "bound"
  /** Nothing more is to come, and no JID is known: the stream is relayed without delegation (protocol.md R2). */
  | "unnamed"
  | "fault";

type Step = readonly [next: NegotiationState, action: NegotiationAction];
type Row = Readonly<Record<NegotiationEvent, Step>>;

/** A row in which an element of the client is the server's to answer, and an unasked word of the server is a fault. */
function row(state: NegotiationState, steps: Partial<Record<NegotiationEvent, Step>>): Row {
  const relay: Step = [state, "relay"];
  const fault: Step = [state, "fault"];
  return {
    "sasl-auth": relay,
    "sasl-response": relay,
    "sasl-abort": relay,
    "sasl2-authenticate": relay,
    "sasl2-response": relay,
    "iq-auth-request": relay,
    "sasl-challenge": fault,
    "sasl-success": fault,
    "sasl-failure": relay,
    "sasl2-challenge": relay,
    "sasl2-success": fault,
    "sasl2-bound": fault,
    "sasl2-failure": relay,
    "bind-result": relay,
    resumed: fault,
    "iq-auth-result": relay,
    "iq-auth-error": relay,
    ...steps,
  };
}

const HOLD: Step = ["waiting", "hold"];
const HOLD_2: Step = ["sasl2", "hold"];

export const NEGOTIATION: Readonly<Record<NegotiationState, Row>> = {
  open: row("open", {
    "sasl-auth": HOLD,
    "sasl-response": HOLD,
    "sasl-abort": HOLD,
    "sasl2-authenticate": HOLD_2,
    "iq-auth-request": ["iq-auth", "relay"],
  }),
  waiting: row("waiting", {
    "sasl-challenge": ["challenged", "release"],
    "sasl-failure": ["open", "release"],
    "sasl-success": ["authenticated", "restart"],
  }),
  challenged: row("challenged", {
    "sasl-auth": HOLD,
    "sasl-response": HOLD,
    "sasl-abort": HOLD,
    "sasl2-authenticate": HOLD_2,
    "sasl-failure": ["open", "relay"],
  }),
  sasl2: row("sasl2", {
    "sasl2-challenge": ["sasl2-challenged", "release"],
    "sasl2-success": ["authenticated", "authenticated"],
    "sasl2-bound": ["bound", "bound"],
    "sasl2-failure": ["open", "release"],
  }),
  "sasl2-challenged": row("sasl2-challenged", {
    "sasl-auth": HOLD,
    "sasl2-authenticate": HOLD_2,
    "sasl2-response": HOLD_2,
    "sasl2-failure": ["open", "relay"],
  }),
  "iq-auth": row("iq-auth", {
    "sasl-auth": HOLD,
    // XEP-0078 §3.1: the answer names no JID, so the stream is authenticated but never known to be bound.
    "iq-auth-result": ["authenticated", "unnamed"],
    "iq-auth-error": ["open", "relay"],
  }),
  authenticated: row("authenticated", {
    "bind-result": ["bound", "bound"],
    resumed: ["resumed", "unnamed"],
  }),
  bound: row("bound", {}),
  resumed: row("resumed", {}),
};

/** Looks a step up: `(state, event) → (state, action)`. */
export function negotiate(state: NegotiationState, event: NegotiationEvent): Step {
  return NEGOTIATION[state][event];
}

export function isAuthenticated(state: NegotiationState): boolean {
  return state === "authenticated" || state === "bound" || state === "resumed";
}
