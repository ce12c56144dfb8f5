import { fileURLToPath } from "node:url";
import { isRecord, Peer } from "../../support/peer.js";

export interface Question {
  readonly url: string;
  readonly caFile?: string;
  readonly iq: { readonly type: "get" | "set"; readonly to?: string; readonly payload: string };
  /** strophe.js only: the connection is cut when this has come true, and the session resumed. */
  readonly cutWhen?: () => Promise<unknown>;
}

const program = fileURLToPath(new URL("../../support/programs/ask-over-websocket.mjs", import.meta.url));

/** Logs Juliet in with a library in a process of its own, sends one IQ, and answers what the library reported. */
export async function askOverWebSocket(
  library: "@xmpp/client" | "strophe.js",
  { caFile, cutWhen, ...question }: Question,
): Promise<Readonly<Record<string, unknown>>> {
  const asked = { ...question, library, jid: "juliet@capulet.lit", password: "r0m30", isCut: cutWhen !== undefined };
  const peer = await Peer.start({
    name: library,
    command: process.execPath,
    args: [program, JSON.stringify(asked)],
    env: caFile === undefined ? {} : { NODE_EXTRA_CA_CERTS: caFile },
    isReady: () => true,
  });
  try {
    if (cutWhen !== undefined) {
      await cutWhen();
      process.kill(peer.pid, "SIGUSR2");
    }
    await peer.untilLog((log) => outcome.test(log), 30_000);
    const said: unknown = JSON.parse(outcome.exec(peer.log)?.[0] ?? "");
    if (!isRecord(said)) throw new Error(`${library} said ${peer.log}`);
    return said;
  } finally {
    await peer.stop();
  }
}

const outcome = /^\{.*\}$/m;
