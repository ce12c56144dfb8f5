/**
 * Sizes that the stanzas of a busy server reach: quantile → bytes. Between two rows the size grows geometrically. What
 * comes out (the last child overshoots) has a mean of 0.8 KB, a median of 0.5 KB, one in a hundred over 4.9 KB, up to 100 KB.
 */
const SIZES: readonly (readonly [quantile: number, bytes: number])[] = [
  [0, 60],
  [0.1, 97],
  [0.5, 430],
  [0.9, 1350],
  [0.99, 4900],
  [0.999, 16_000],
  [1, 100_000],
];

const WORDS =
  "Two households both alike in dignity in fair Verona where we lay our scene from ancient grudge break to new mutiny "
    .repeat(2)
    .split(" ")
    .filter((word) => word !== "");
/** Two to three bytes in a hundred are not ASCII. */
const FOREIGN = ["déjà", "Rosé", "Übermut", "ромео", "ロミオ", "🌹"];

/**
 * Mixed complete stanzas of `jabber:client`, about one tag in 65 bytes, always the same for the same size.
 *
 * Units   at least `bytes` bytes; ends at the end of a stanza.
 */
export function mixedStanzas(bytes: number): Buffer {
  const random = generator(20_160);
  const pieces: string[] = [];
  let made = 0;
  for (let count = 0; made < bytes; count++) {
    const stanza = stanzaOf(sizeAt(random()), count, random);
    pieces.push(stanza);
    made += Buffer.byteLength(stanza);
  }
  return Buffer.from(pieces.join(""));
}

function stanzaOf(bytes: number, count: number, random: () => number): string {
  const kind = random();
  const to = `to='romeo@capulet.lit/orchard' from='juliet@capulet.lit/${count % 97}'`;
  if (bytes < 120) return `<presence ${to}/>`;
  const [start, end] =
    kind < 0.5
      ? [`<message ${to} type='chat' id='m${count}'><body>`, "</body></message>"]
      : kind < 0.75
        ? [`<presence ${to}><status>`, "</status></presence>"]
        : [`<iq ${to} type='result' id='q${count}'><query xmlns='jabber:iq:private'>`, "</query></iq>"];
  let body = "";
  while (start.length + body.length + end.length < bytes) body += child(random);
  // The body of a message is text; its tags follow it.
  return kind < 0.75 ? start + sentence(4, random) + end.replace("><", `>${inner(body)}<`) : start + body + end;
}

/** Elements that other elements may stand beside: below the stanza itself, not below its body or status. */
function inner(body: string): string {
  return `<x xmlns='urn:caesura:bench:verse'>${body}</x>`;
}

function child(random: () => number): string {
  return `<line n='${Math.floor(random() * 1000)}' by='nurse'>${sentence(7, random)}</line>`;
}

function sentence(words: number, random: () => number): string {
  let text = "";
  for (let index = 0; index < words; index++) {
    const list = random() < 0.07 ? FOREIGN : WORDS;
    text += (index === 0 ? "" : " ") + (list[Math.floor(random() * list.length)] ?? "");
  }
  return text;
}

function sizeAt(quantile: number): number {
  const above = Math.max(
    1,
    SIZES.findIndex(([at]) => at >= quantile),
  );
  const [q0, low] = SIZES[above - 1] ?? [0, 60];
  const [q1, high] = SIZES[above] ?? [1, 100_000];
  return low * (high / low) ** ((quantile - q0) / (q1 - q0));
}

/** The same sequence of numbers in [0, 1) for the same seed: a linear congruential generator modulo 2^32. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
