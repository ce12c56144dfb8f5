/** What happened at a client, as its user could see it. */
export type Sight =
  /** A new session was bound. */
  | { readonly event: "online"; readonly jid: string }
  /** The session of before goes on (XEP-0198 §5). */
  | { readonly event: "resumed" }
  | { readonly event: "message"; readonly from: string; readonly type: string; readonly body: string }
  | { readonly event: "presence"; readonly from: string; readonly type: string; readonly show: string }
  | { readonly event: "answer"; readonly type: string; readonly payload: string }
  | { readonly event: "trouble"; readonly text: string };

export type SightOf<Event extends Sight["event"]> = Extract<Sight, { readonly event: Event }>;

/** How a client that people use is started. */
export interface PersonOptions {
  readonly port: number;
  readonly direct: boolean;
  /** Bare JID. */
  readonly jid: string;
  readonly password: string;
  /** The certificate to trust, a file. */
  readonly caFile: string;
}
