import { domainToASCII } from "node:url";

/**
 * An address that was found to be well formed; there is no other way to get one than `parseJid`.
 *
 * Two spellings are kept apart. `bare()` and `full()` are the address as it was written: only they go on the wire, since
 * rewriting an address is the server's business. `local`, `domain`, `resource` and the keys are prepared: they serve
 * for comparing and are shown to nobody.
 *
 * Source  RFC 7622 §3; RFC 6120 §10.5 (who prepares before comparing).
 */
export class Jid {
  readonly #written: string;
  readonly #bareLength: number;
  /** Localpart, case folded; undefined for a domain. */
  readonly local: string | undefined;
  /** Domainpart, A-labels in lower case, without a final dot. */
  readonly domain: string;
  /** Resourcepart, its case kept; undefined for a bare address. */
  readonly resource: string | undefined;
  /** Equal for two addresses exactly when both name the same account or host. */
  readonly bareKey: string;
  /** Equal for two addresses exactly when both are the same, resource included. */
  readonly fullKey: string;

  /** @internal Called by `parseJid` alone, with parts that it has prepared. */
  constructor(
    written: string,
    bareLength: number,
    local: string | undefined,
    domain: string,
    resource: string | undefined,
  ) {
    this.#written = written;
    this.#bareLength = bareLength;
    this.local = local;
    this.domain = domain;
    this.resource = resource;
    this.bareKey = local === undefined ? domain : `${local}@${domain}`;
    this.fullKey = resource === undefined ? this.bareKey : `${this.bareKey}/${resource}`;
  }

  /** `localpart@domainpart` or `domainpart`, as written. */
  bare(): string {
    return this.#written.slice(0, this.#bareLength);
  }

  /** The whole address as written. */
  full(): string {
    return this.#written;
  }

  toString(): string {
    return this.#written;
  }
}

/**
 * Reads an address. Whatever a server would refuse gives undefined, so that the server is asked and not us.
 *
 * Shape   the first `/` ends the bare address, the first `@` before it ends the localpart.
 * Cost    an ASCII address costs three regular expressions and no Unicode.
 * Errors  none; undefined for an empty part, a part over 1023 bytes, or a character that no server accepts.
 * Source  RFC 7622 §3.1 to §3.4; for what servers do with case and compatibility characters RFC 6122 appendices A, B.
 */
export function parseJid(text: string): Jid | undefined {
  const slash = text.indexOf("/");
  const bareLength = slash < 0 ? text.length : slash;
  const at = text.indexOf("@");
  const hasLocal = at >= 0 && at < bareLength;

  const domain = normaliseDomain(text.slice(hasLocal ? at + 1 : 0, bareLength));
  if (domain === undefined) return undefined;
  const local = hasLocal ? prepareLocal(text.slice(0, at)) : undefined;
  if (hasLocal && local === undefined) return undefined;
  const resource = slash < 0 ? undefined : prepareResource(text.slice(slash + 1));
  if (slash >= 0 && resource === undefined) return undefined;
  return new Jid(text, bareLength, local, domain, resource);
}

/**
 * The one spelling of a domain: A-labels, lower case, no final dot. An IPv6 literal keeps its brackets.
 *
 * Errors  undefined for what is no domain.
 * Source  RFC 7622 §3.2.
 */
export function normaliseDomain(domain: string): string | undefined {
  if (domain.length > MAX_PART_BYTES) return undefined;
  if (ASCII_DOMAIN.test(domain)) return withoutFinalDot(domain.toLowerCase());
  if (IPV6_LITERAL.test(domain)) return domain.toLowerCase();
  // `domainToASCII` reads a host of a URL: it cuts at `/`, `#` and `?`, drops TAB and LF, and decodes `%41`.
  if (!DOMAIN_WITH_U_LABELS.test(domain)) return undefined;
  const ascii = domainToASCII(domain);
  // It also reads full-width digits as an IPv4 address, and fills up `127.1`. No name looks like that.
  if (!ASCII_DOMAIN.test(ascii) || /^[\d.]+$/.test(ascii)) return undefined;
  return withoutFinalDot(ascii);
}

/** RFC 7622 §3.1: no part is longer; the same in RFC 6122 §2.1. */
const MAX_PART_BYTES = 1023;

/** Labels of letters, digits, hyphens, and the underscore that servers accept; a final dot is the DNS root. */
const ASCII_DOMAIN = /^[\w-]+(?:\.[\w-]+)*\.?$/;
const DOMAIN_WITH_U_LABELS = /^[\w.\u0080-\u{10ffff}-]+$/u;
const IPV6_LITERAL = /^\[[\da-f:.]+\]$/i;

/** RFC 7622 §3.2: a final label separator is not part of the name. */
function withoutFinalDot(domain: string): string {
  return domain.endsWith(".") ? domain.slice(0, -1) : domain;
}

/** ASCII that a localpart may hold: no space, none of `"&'/:<>@` (RFC 7622 §3.3.1). */
const ASCII_LOCAL = /^[!#-%(-.0-9;=?A-~]+$/;
const ASCII_RESOURCE = /^[ -~]+$/;
const FORBIDDEN_IN_LOCAL = /[\s"&'/:<>@\p{Zs}]/u;
/** Controls, invisible and private characters, and what stands for an unknown one (RFC 3454 C.2 to C.9). */
const FORBIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}\u1680\u2ff0-\u2ffb\ufffd]/u;
/** Characters that are dropped before comparing: soft hyphen, joiners, variation selectors (RFC 3454 B.1). */
const DROPPED = /\u00ad|\u034f|\u1806|[\u180b-\u180d]|[\u200b-\u200d]|\u2060|[\ufe00-\ufe0f]|\ufeff/gu;

function prepareLocal(local: string): string | undefined {
  if (ASCII_LOCAL.test(local)) return isFitting(local) ? local.toLowerCase() : undefined;
  if (local.length > MAX_PART_BYTES) return undefined;
  const prepared = prepare(local, caseFold);
  return FORBIDDEN_IN_LOCAL.test(prepared) || FORBIDDEN.test(prepared) || !isFitting(prepared) ? undefined : prepared;
}

function prepareResource(resource: string): string | undefined {
  if (ASCII_RESOURCE.test(resource)) return isFitting(resource) ? resource : undefined;
  if (resource.length > MAX_PART_BYTES) return undefined;
  const prepared = prepare(resource, (text) => text);
  return FORBIDDEN.test(prepared) || !isFitting(prepared) ? undefined : prepared;
}

function isFitting(part: string): boolean {
  return part.length > 0 && Buffer.byteLength(part) <= MAX_PART_BYTES;
}

/** RFC 3454 §3 and §4 with table B.2. One round is enough: no code point, alone or beside a mark, changes in a second. */
function prepare(text: string, fold: (text: string) => string): string {
  return fold(text.replaceAll(DROPPED, "").normalize("NFKC")).normalize("NFKC");
}

/**
 * Full case folding, one code point at a time, so that a final sigma is folded like any other. Through the upper case,
 * because `ß` and `ſ` have no other lower case; `ı` is its own fold although it shares its upper case with `i`.
 */
function caseFold(text: string): string {
  let folded = "";
  for (const character of text) {
    folded += character === "\u0131" ? character : character.toLowerCase().toUpperCase().toLowerCase();
  }
  return folded;
}
