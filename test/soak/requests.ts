import type { Chance } from "./chance.js";
import { sumOf } from "./book.js";

/** Namespaces that are delegated, by whoever the rules of the moment name. */
export const verse = "urn:example:verse";
export const prose = "urn:example:prose";
/** One request of a session at a time: `blocking`. */
export const ode = "urn:example:ode";
/** The server is asked first about other accounts: `foreignTargets: probe`. */
export const probe = "urn:example:probe";
/** Managed by a user. */
export const gossip = "urn:example:gossip";

export const delegated = [verse, prose, ode, probe, gossip] as const;

/** Between clients; never delegated. */
export const talk = "urn:example:talk";

/** What a delegated request holds: who it is by its token, and content that must arrive as it is. */
export function payloadOf(namespace: string, token: string, text: string): string {
  return `<line xmlns='${namespace}' t='${token}' sum='${sumOf(text)}'>${escaped(text)}</line>`;
}

/**
 * Text that is hard on those who cut, count or escape carelessly. `isSmall`: for those who log in by SASL2, whom Debian's
 * modules for Prosody hold to 10 kB for ever.
 */
export function textBy(chance: Chance, isSmall: boolean): string {
  const pieces = [
    "O",
    "Roméo",
    "🌹",
    "<iq/>",
    "&amp;",
    "]]>",
    "'",
    '"',
    "\n",
    "\t",
    "</stream:stream>",
    "wherefore ",
  ] as const;
  const count = chance.once(40) && !isSmall ? chance.between(500, 4000) : chance.between(1, 30);
  return Array.from({ length: count }, () => chance.oneOf(pieces)).join("");
}

export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

export function attributes(values: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(values)
    .map(([name, value]) => (value === undefined ? "" : ` ${name}='${escaped(value).replaceAll("'", "&apos;")}'`))
    .join("");
}
