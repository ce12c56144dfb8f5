/**
 * Stanzas as a busy server sees them, made from a seed: short ones of stream management, presences with capabilities, chat in
 * several scripts, discovery, archives, publications, rosters, and now and then an avatar.
 *
 * Shape   mean 822 bytes, median 496, a tenth under 97, one in a hundred over 4.9 KB and up to 100 KB; a tag every 65
 *         bytes; 3 % of the bytes not ASCII. `corpusFigures` says what was reached.
 */
export function makeCorpus(bytes: number, seed = 1): Corpus {
  const random = new Random(seed);
  const parts: string[] = [];
  const sizes: number[] = [];
  let length = 0;
  while (length < bytes) {
    const stanza = makeStanza(random);
    const size = Buffer.byteLength(stanza);
    parts.push(stanza);
    sizes.push(size);
    length += size;
  }
  return {
    header:
      "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='c2s' from='capulet.lit' version='1.0' xml:lang='en'>",
    body: Buffer.from(parts.join("")),
    sizes,
  };
}

export interface Corpus {
  readonly header: string;
  readonly body: Buffer;
  /** Bytes of each stanza, in order. */
  readonly sizes: readonly number[];
}

export interface CorpusFigures {
  readonly bytes: number;
  readonly stanzas: number;
  readonly mean: number;
  readonly median: number;
  readonly tenth: number;
  readonly hundredth: number;
  readonly largest: number;
  readonly bytesPerTag: number;
  readonly nonAsciiPercent: number;
}

export function corpusFigures({ body, sizes }: Corpus): CorpusFigures {
  const sorted = sizes.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(share * sorted.length)] ?? 0;
  let tags = 0;
  let nonAscii = 0;
  for (const byte of body) {
    if (byte === 0x3c) tags++;
    if (byte >= 0x80) nonAscii++;
  }
  return {
    bytes: body.length,
    stanzas: sizes.length,
    mean: Math.round(body.length / sizes.length),
    median: at(0.5),
    tenth: at(0.1),
    hundredth: at(0.99),
    largest: at(0.999999),
    bytesPerTag: Math.round((10 * body.length) / tags) / 10,
    nonAsciiPercent: Math.round((1000 * nonAscii) / body.length) / 10,
  };
}

/** Good enough for a corpus, and the same everywhere (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  between(low: number, high: number): number {
    return low + this.below(high - low);
  }

  pick<T>(values: readonly [T, ...T[]]): T {
    return values[this.below(values.length)] ?? values[0];
  }

  chance(share: number): boolean {
    return this.next() < share;
  }
}

function makeStanza(random: Random): string {
  const share = random.next();
  if (share < 0.04) return "<r xmlns='urn:xmpp:sm:3'/>";
  if (share < 0.08) return `<a xmlns='urn:xmpp:sm:3' h='${random.below(9999)}'/>`;
  if (share < 0.25) return presence(random);
  if (share < 0.55) return message(random);
  if (share < 0.59) return chatState(random);
  if (share < 0.655) return `<iq type='result' id='${hex(random, 6)}' to='${bare(random)}'/>`;
  if (share < 0.74) return discovery(random);
  if (share < 0.86) return archived(random);
  if (share < 0.957) return event(random);
  if (share < 0.985) return roster(random);
  return avatar(random);
}

function presence(random: Random): string {
  const show = random.chance(0.5) ? `<show>${random.pick(["away", "xa", "dnd", "chat"])}</show>` : "";
  const status = random.chance(0.4) ? `<status>${text(random, 20, 60)}</status>` : "";
  const photo = random.chance(0.6) ? `<x xmlns='vcard-temp:x:update'><photo>${hex(random, 40)}</photo></x>` : "";
  return (
    `<presence from='${full(random)}' to='${full(random)}'>${show}${status}` +
    `<priority>${random.below(128)}</priority>` +
    `<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://gajim.org' ver='${base64(random, 27)}='/>${photo}</presence>`
  );
}

function message(random: Random): string {
  const name = id(random);
  const archive = random.chance(0.5)
    ? `<stanza-id xmlns='urn:xmpp:sid:0' by='${bare(random)}' id='${hex(random, 24)}'/>`
    : "";
  const receipt = random.chance(0.5) ? "<request xmlns='urn:xmpp:receipts'/>" : "";
  const marker = random.chance(0.4) ? "<markable xmlns='urn:xmpp:chat-markers:0'/>" : "";
  const body = text(random, 15, random.chance(0.12) ? 1500 : 220);
  return (
    `<message from='${full(random)}' to='${bare(random)}' type='chat' id='${name}' xml:lang='en'><body>${body}</body>` +
    `<origin-id xmlns='urn:xmpp:sid:0' id='${name}'/>${archive}<active xmlns='http://jabber.org/protocol/chatstates'/>${receipt}${marker}</message>`
  );
}

function chatState(random: Random): string {
  return (
    `<message from='${full(random)}' to='${full(random)}' type='chat' id='${id(random)}'>` +
    "<composing xmlns='http://jabber.org/protocol/chatstates'/><no-store xmlns='urn:xmpp:hints'/></message>"
  );
}

function discovery(random: Random): string {
  const features = Array.from({ length: random.between(6, 34) }, () => `<feature var='${random.pick(namespaces)}'/>`);
  return (
    `<iq type="result" from="${full(random)}" to="${full(random)}" id="${id(random)}">` +
    '<query xmlns="http://jabber.org/protocol/disco#info"><identity category="client" type="pc" name="Gajim"/>' +
    `${features.join("")}</query></iq>`
  );
}

function archived(random: Random): string {
  return (
    `<message to='${full(random)}'><result xmlns='urn:xmpp:mam:2' queryid='${id(random)}' id='${hex(random, 24)}'>` +
    `<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-0${random.between(1, 9)}-10T17:33:${random.between(10, 59)}Z'/>` +
    `${message(random).replace("<message ", "<message xmlns='jabber:client' ")}</forwarded></result></message>`
  );
}

function event(random: Random): string {
  const key = `<key rid='${random.below(0x7fffffff)}'>${base64(random, 120)}==</key>`;
  const keys = Array.from({ length: random.between(1, 4) }, () => key).join("");
  if (random.chance(0.4)) {
    return (
      `<message from='${full(random)}' to='${bare(random)}' type='chat' id='${id(random)}'>` +
      `<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='${random.below(0x7fffffff)}'>${keys}<iv>${base64(random, 16)}</iv></header>` +
      `<payload>${base64(random, random.between(40, 400))}</payload></encrypted><store xmlns='urn:xmpp:hints'/></message>`
    );
  }
  return (
    `<message from='${bare(random)}' to='${full(random)}' type='headline' id='${id(random)}'>` +
    "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='http://jabber.org/protocol/tune'>" +
    `<item id='current'><tune xmlns='http://jabber.org/protocol/tune'><artist>${text(random, 10, 40)}</artist>` +
    `<length>${random.below(600)}</length><title>${text(random, 10, 40)}</title></tune></item></items></event></message>`
  );
}

function roster(random: Random): string {
  const items = Array.from(
    { length: random.between(3, 42) },
    () => `<item jid='${bare(random)}' name='${text(random, 5, 20)}' subscription='both'><group>Verona</group></item>`,
  );
  return `<iq type='result' id='${id(random)}' to='${full(random)}'>\n <query xmlns='jabber:iq:roster' ver='ver${random.below(99)}'>\n  ${items.join("\n  ")}\n </query>\n</iq>`;
}

function avatar(random: Random): string {
  // Most are small; the largest are what servers let pass at all.
  const size = Math.floor(3_000 + 97_000 * random.next() ** 6);
  return (
    `<iq type='result' id='${id(random)}' from='${bare(random)}' to='${full(random)}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>` +
    `<items node='urn:xmpp:avatar:data'><item id='${hex(random, 40)}'><data xmlns='urn:xmpp:avatar:data'>${base64(random, size)}</data></item></items></pubsub></iq>`
  );
}

function bare(random: Random): string {
  return `${random.pick(people)}@${random.pick(domains)}`;
}

function full(random: Random): string {
  return `${bare(random)}/${random.pick(["orchard", "balcony", "Conversations.", "gajim."])}${hex(random, random.between(2, 9))}`;
}

function id(random: Random): string {
  return `${hex(random, 8)}-${hex(random, 4)}-4${hex(random, 3)}-${hex(random, 12)}`;
}

function hex(random: Random, digits: number): string {
  return characters(random, digits, "0123456789abcdef");
}

function base64(random: Random, length: number): string {
  return characters(random, length, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
}

function characters(random: Random, length: number, alphabet: string): string {
  let made = "";
  for (let at = 0; at < length; at++) made += alphabet.charAt(random.below(alphabet.length));
  return made;
}

function text(random: Random, low: number, high: number): string {
  const length = random.between(low, high);
  const words: Words = random.chance(0.17) ? random.pick(scripts) : english;
  let made = "";
  while (made.length < length) made += (made === "" ? "" : " ") + random.pick(words);
  return made;
}

type Words = readonly [string, ...string[]];

const people = ["romeo", "juliet", "mercutio", "benvolio", "tybalt", "nurse", "friar.laurence", "rosaline"] as const;
const domains = ["capulet.lit", "montague.lit", "verona.example", "muc.capulet.lit"] as const;
const namespaces = [
  "http://jabber.org/protocol/disco#info",
  "urn:xmpp:receipts",
  "http://jabber.org/protocol/pubsub#publish",
  "urn:xmpp:jingle:1",
  "http://jabber.org/protocol/muc",
  "jabber:iq:version",
  "urn:xmpp:avatar:metadata+notify",
  "eu.siacs.conversations.axolotl.devicelist+notify",
] as const;
const english = [
  "but",
  "soft,",
  "what",
  "light",
  "through",
  "yonder",
  "window",
  "breaks?",
  "it",
  "is",
  "the",
  "east,",
  "and",
  "Juliet",
  "sun",
  "don&apos;t",
  "you",
  "&amp;",
  "me",
] as const;
const cyrillic: Words = ["как", "этот", "тихий", "свет", "Джульетта", "солнце", "окно", "на", "востоке"];
const german: Words = ["so", "wilde", "Freude", "nimmt", "für", "Schönheit", "über", "große", "Glück"];
const chinese: Words = ["那邊", "窗子", "裡", "亮起來", "的", "是", "什麼", "光", "朱麗葉"];
const scripts: readonly [Words, ...Words[]] = [cyrillic, german, chinese];
