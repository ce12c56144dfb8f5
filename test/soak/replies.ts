import { replyTo, type ReplyChanges, type Wrapped } from "../support/managing-entity.js";
import { escaped } from "./requests.js";
import type { Asked, Mood } from "./book.js";
import type { Chance } from "./chance.js";

/** What an entity does about one request. */
export interface Reply {
  readonly mood: Mood;
  /** What it sends, and when. */
  readonly sends: readonly { readonly afterMs: number; readonly xml: string }[];
}

const moods: Readonly<Record<Mood, number>> = { right: 70, error: 8, twice: 6, wrong: 8, late: 2, never: 2 };
/** When there is to be peace. */
const goodMoods: Readonly<Record<Mood, number>> = { right: 1, error: 0, twice: 0, wrong: 0, late: 0, never: 0 };

const refusal = "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";

/** Chooses a mood and what it sends. `timeoutMs`: after which the requester is answered without it. */
export function replyFor(chance: Chance, wrapped: Wrapped, asked: Asked, timeoutMs: number, isPeace: boolean): Reply {
  const mood = chance.weighed(isPeace ? goodMoods : moods);
  const { namespace, token } = asked;
  const payload = `<line xmlns='${namespace}' t='${token}'>${escaped(wrapped.payload.getText())}</line>`;
  const right = replyTo(wrapped, { payload });
  const afterMs = chance.once(3) ? chance.between(0, 200) : 0;
  switch (mood) {
    case "right":
      return { mood, sends: [{ afterMs, xml: right }] };
    case "error":
      return { mood, sends: [{ afterMs, xml: replyTo(wrapped, { innerType: "error", payload: refusal }) }] };
    case "twice":
      return {
        mood,
        sends: [
          { afterMs, xml: right },
          { afterMs: afterMs + chance.between(0, 50), xml: right },
        ],
      };
    case "late":
      return { mood, sends: [{ afterMs: timeoutMs + chance.between(1, 500), xml: right }] };
    case "never":
      return { mood, sends: [] };
    case "wrong":
      return { mood, sends: [{ afterMs, xml: replyTo(wrapped, { payload, ...wrongBy(chance) }) }] };
    default:
      return mood satisfies never;
  }
}

/** Each of these is a breach of XEP-0355 §4.3, and the requester must get nothing of it. */
function wrongBy(chance: Chance): ReplyChanges {
  return chance.oneOf<ReplyChanges>([
    { innerId: "somebody-elses" },
    { innerTo: "nobody@capulet.lit/forged" },
    { innerFrom: "nobody@capulet.lit" },
    { innerType: "get" },
    { innerNamespace: "jabber:server" },
    { content: "" },
    { content: "<delegation xmlns='urn:xmpp:delegation:2'/>" },
    { outerType: "error", content: refusal },
  ]);
}
