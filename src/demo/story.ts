import type { Page } from "./page.js";
import { cast, type Stage } from "./stage.js";

/** One piece of an exchange, wherever it was seen. */
interface Hop {
  readonly at: bigint;
  readonly from: string;
  readonly to: string;
  readonly text: string;
}

/**
 * Shows one request that goes to the server as ever, and one that is delegated, hop by hop.
 *
 * Errors  when an exchange does not go as it must: the demonstration is a test of what it shows.
 */
export async function tell(stage: Stage, page: Page): Promise<void> {
  const { serverName } = stage;
  const server = serverName.startsWith("Prosody") ? "Prosody" : "the server";

  page.heading("What Caesura told the managing entity when it connected (XEP-0355 §4.2)");
  const told = stage.entityWire
    .take()
    .map(({ text }) => text)
    .find((text) => text.includes("<delegated "));
  if (told === undefined) throw new Error("the managing entity was told nothing");
  page.hop(0, "Caesura", cast.entity, "", told.slice(told.indexOf("<message")));

  page.heading(`A request that no rule selects (the rule wants the attribute "play"): ${server} answers`);
  const plain = await exchange(stage, server, `<iq type='get' id='v1'><line xmlns='${cast.namespace}'/></iq>`, "v1");
  show(page, plain);
  const seen = plain.map(({ from, to }) => `${from} → ${to}`);
  const way = ["client → Caesura", `Caesura → ${server}`, `${server} → Caesura`, "Caesura → client"];
  if (seen.join() !== way.join()) throw new Error(`it went another way: ${seen.join(", ")}`);
  const isSame = plain[0]?.text === plain[1]?.text && plain[2]?.text === plain[3]?.text;
  if (!isSame) throw new Error("the bytes were changed on their way");
  page.note("Both ways the very bytes that came.");

  page.heading("One delegated request (XEP-0355 §4.3)");
  const asked = `<iq type='get' id='v2'><line xmlns='${cast.namespace}' play='romeo'/></iq>`;
  const delegated = await exchange(stage, server, asked, "v2");
  show(page, delegated);
  const entityWay = ["client → Caesura", `Caesura → ${cast.entity}`, `${cast.entity} → Caesura`, "Caesura → client"];
  const taken = delegated.map(({ from, to }) => `${from} → ${to}`);
  if (taken.join() !== entityWay.join()) throw new Error(`it went another way: ${taken.join(", ")}`);
  if (!(delegated.at(-1)?.text.includes("yonder window") ?? false))
    throw new Error("the answer is not the managing entity's");
  page.note(`On the wire between Caesura and ${server} nothing was seen of it.`);

  const [own, handed] = [await medianMs(stage, ""), await medianMs(stage, " play='romeo'")];
  page.heading(`${String(REPEATS)} more of each, one after another`);
  page.line(`  answered by ${server}: median ${own.toFixed(2)} ms; delegated: median ${handed.toFixed(2)} ms`);
}

const REPEATS = 200;

async function exchange(stage: Stage, server: string, iq: string, id: string): Promise<readonly Hop[]> {
  stage.serverWire.take();
  stage.entityWire.take();
  const pieces = await stage.client.ask(iq, id);
  const hops: Hop[] = [
    ...pieces.map(({ direction, at, text }) =>
      direction === "sent" ? { at, text, from: "client", to: "Caesura" } : { at, text, from: "Caesura", to: "client" },
    ),
    ...stage.serverWire
      .take()
      .map(({ direction, at, text }) =>
        direction === "forth" ? { at, text, from: "Caesura", to: server } : { at, text, from: server, to: "Caesura" },
      ),
    ...stage.entityWire
      .take()
      .map(({ direction, at, text }) =>
        direction === "forth"
          ? { at, text, from: cast.entity, to: "Caesura" }
          : { at, text, from: "Caesura", to: cast.entity },
      ),
  ];
  return hops.sort((a, b) => (a.at < b.at ? -1 : 1));
}

function show(page: Page, hops: readonly Hop[]): void {
  const start = hops[0]?.at ?? 0n;
  for (const { at, from, to, text } of hops) {
    const remark = `${String(Buffer.byteLength(text))} bytes${from === "client" || to === "client" ? ", TLS" : ""}`;
    page.hop(Number(at - start) / 1e6, from, to, remark, text);
  }
}

async function medianMs(stage: Stage, attribute: string): Promise<number> {
  const times: number[] = [];
  for (let turn = 0; turn < REPEATS; turn++) {
    const id = `m${attribute.length.toString()}-${String(turn)}`;
    const iq = `<iq type='get' id='${id}'><line xmlns='${cast.namespace}'${attribute}/></iq>`;
    const pieces = await stage.client.ask(iq, id);
    const sent = pieces.find(({ direction }) => direction === "sent");
    const received = pieces.at(-1);
    if (sent !== undefined && received !== undefined) times.push(Number(received.at - sent.at) / 1e6);
  }
  stage.serverWire.take();
  stage.entityWire.take();
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;
}
