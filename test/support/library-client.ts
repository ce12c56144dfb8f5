import { fileURLToPath } from "node:url";
import { isRecord, Peer } from "./peer.js";

/** Client libraries that people use, each in a process of its own. */
export type Library = "@xmpp/client" | "slixmpp";

export interface Question {
  readonly port: number;
  readonly jid: string;
  readonly password: string;
  /** Over direct TLS; otherwise STARTTLS when there is a certificate to trust, else in clear. */
  readonly direct?: boolean;
  readonly caFile?: string;
  readonly iq: { readonly type: "get" | "set"; readonly to?: string; readonly payload: string };
}

/** What the library made of the answer. */
export interface Outcome {
  readonly type: string;
  readonly bound?: string;
  readonly from?: string;
  readonly payload?: string;
  readonly condition?: string;
  readonly reason?: string;
}

const programs: Readonly<Record<Library, readonly string[]>> = {
  // Debian's, whatever other Python is on the path.
  slixmpp: ["/usr/bin/python3", "-W", "ignore", program("ask-with-slixmpp.py")],
  "@xmpp/client": [process.execPath, program("ask-with-xmpp.js.mjs")],
};

function program(name: string): string {
  return fileURLToPath(new URL(`programs/${name}`, import.meta.url));
}

/** Logs in with a library, sends one IQ, and answers what the library reported. */
export async function askWith(library: Library, { caFile, ...question }: Question): Promise<Outcome> {
  const [command = "", ...args] = programs[library];
  const asked = { ...question, ...(caFile === undefined ? {} : { ca: caFile }) };
  const peer = await Peer.start({
    name: library,
    command,
    args: [...args, JSON.stringify(asked)],
    env: caFile === undefined ? {} : { NODE_EXTRA_CA_CERTS: caFile },
    isReady: (log) => /^\{.*\}$/m.test(log),
    startDeadlineMs: 30_000,
  });
  const line = /^\{.*\}$/m.exec(peer.log)?.[0] ?? "{}";
  await peer.stop();
  const outcome: unknown = JSON.parse(line);
  if (!isOutcome(outcome)) throw new Error(`${library} said ${line}`);
  return outcome;
}

function isOutcome(value: unknown): value is Outcome {
  return isRecord(value) && typeof value["type"] === "string";
}
