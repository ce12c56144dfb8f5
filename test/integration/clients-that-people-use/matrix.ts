import { test } from "vitest";

// What is tested with which client. `docs/clients.md` shows this table, and a unit test compares the two.

export const features = ["login", "message", "presence", "MUC", "delegated IQ", "reconnect"] as const;
export type Feature = (typeof features)[number];

export const transports = ["STARTTLS", "direct TLS"] as const;
export type Transport = (typeof transports)[number];

/** `yes` and `resumes` are tested over both transports; `cannot` is a limit of the client itself. */
export type Claim =
  | { readonly kind: "yes"; readonly note?: string }
  /** On a reconnection the stream is resumed (XEP-0198 §5). */
  | { readonly kind: "resumes"; readonly note?: string }
  | { readonly kind: "cannot"; readonly reason: string };

export interface Client {
  readonly version: string;
  readonly claims: Readonly<Record<Feature, Claim>>;
}

const yes = { kind: "yes" } as const;
const everything = {
  login: yes,
  message: yes,
  presence: yes,
  MUC: yes,
  "delegated IQ": yes,
  reconnect: { kind: "resumes" },
} as const;

export const clients = {
  slixmpp: { version: "1.8.3", claims: everything },
  aioxmpp: { version: "0.13.3", claims: everything },
  "@xmpp/client": { version: "0.14.0", claims: everything },
  profanity: {
    version: "0.13.1",
    claims: {
      ...everything,
      "delegated IQ": { kind: "yes", note: "`/lastactivity`" },
    },
  },
  "go-sendxmpp": {
    version: "0.5.6",
    claims: {
      ...everything,
      presence: { kind: "cannot", reason: "shows none, and sets none but that of its login" },
      "delegated IQ": { kind: "yes", note: "`--ox-delete-nodes`" },
      reconnect: { kind: "cannot", reason: "prints the error of the lost connection until it is started anew" },
    },
  },
} as const satisfies Readonly<Record<string, Client>>;

export type ClientName = keyof typeof clients;

/**
 * Declares the tests of one client over one transport, in the order of the table.
 *
 * Errors  throws when a claim of the table has no test, or when what a client cannot do has one.
 */
export function cells(
  client: ClientName,
  transport: Transport,
  tests: Readonly<Partial<Record<Feature, () => Promise<void>>>>,
): void {
  for (const feature of features) {
    const claim: Claim = clients[client].claims[feature];
    const body = tests[feature];
    if ((body === undefined) !== (claim.kind === "cannot")) {
      throw new Error(`${client}, ${feature}: the table and the tests disagree`);
    }
    if (body !== undefined) test(`${feature} over ${transport}`, body);
  }
}
