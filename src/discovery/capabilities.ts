import { type DiscoForm, type DiscoInfo, isComplete } from "./info.js";
import { fieldsOf, isTable, ownFieldsOf } from "./form.js";
import { hashed, hashNames } from "./hashing.js";

/**
 * The string that XEP-0115 hashes.
 *
 * Shape   sorted by octets of UTF-8, part by part; forms whose FORM_TYPE is missing or not hidden are passed over, as are
 *         fields without `var`. An identity's language is what it says itself.
 * Returns undefined for an answer that XEP-0115 calls ill-formed, and for one that was not read to the end.
 * Source  XEP-0115 §5.1, §5.4.
 */
export function verificationString(info: DiscoInfo): string | undefined {
  if (!isComplete(info) || info.forms.some(({ typing }) => typing === "contradictory")) return undefined;
  const identities = info.identities.map(({ category, type, lang = "", name = "" }) => [category, type, lang, name]);
  const forms = info.forms.filter(({ typing }) => typing === "hidden").map(formFactors);
  return [
    ...inOctetOrder(identities).map((identity) => `${identity.join("/")}<`),
    ...inOctetOrder(info.features.map((feature) => [feature])).map((feature) => `${feature.join("")}<`),
    ...inOctetOrder(forms).map((form) => `${form.join("<")}<`),
  ].join("");
}

/** FORM_TYPE first, then each field's name and values. */
function formFactors(form: DiscoForm): readonly string[] {
  const fields = ownFieldsOf(form)
    .filter(({ name }) => name !== "")
    .map(({ name, values }) => [name, ...inOctetOrder(values.map((value) => [value])).flat()]);
  return [form.formType ?? "", ...inOctetOrder(fields).flat()];
}

/** The `ver` of XEP-0115 §5.1; undefined without a verification string or such a hash function. */
export function capabilitiesVer(info: DiscoInfo, algorithm: string): string | undefined {
  return once(info, `ver ${algorithm}`, algorithm, () => {
    const text = verificationString(info);
    return text === undefined ? undefined : Buffer.from(text);
  });
}

/**
 * Where the language of an identity's name is taken from. XEP-0390 §4.1 obliges to `inherited`; who writes a server sees
 * only what the answer itself says, and not each has read so far.
 */
export type LanguageReading = "inherited" | "explicit";

/**
 * The octets that XEP-0390 hashes.
 *
 * Returns undefined for an answer that has no hash: with unknown elements, a form that is a table or whose FORM_TYPE is
 *         not as XEP-0068 wants it; and for one that was not read to the end or says a thing twice.
 * Source  XEP-0390 §4.1.
 */
export function hashInput(info: DiscoInfo, reading: LanguageReading = "inherited"): Buffer | undefined {
  if (!isComplete(info) || info.others.length > 0) return undefined;
  if (info.forms.some((form) => form.typing !== "hidden" || isTable(form))) return undefined;
  const inherited = reading === "inherited" ? info.lang : undefined;
  const features = info.features.map((feature) => `${feature}${UNIT}`);
  const identities = info.identities.map(
    ({ category, type, lang = inherited ?? "", name = "" }) =>
      `${[category, type, lang, name].map((part) => `${part}${UNIT}`).join("")}${RECORD}`,
  );
  const extensions = info.forms.map((form) => {
    const fields = fieldsOf(form).map(({ name, values }) => {
      return `${name}${UNIT}${joined(values.map((value) => `${value}${UNIT}`))}${RECORD}`;
    });
    return `${joined(fields)}${GROUP}`;
  });
  return Buffer.from([features, identities, extensions].map((part) => `${joined(part)}${FILE}`).join(""));
}

/** The hash of XEP-0390 §4.2; undefined without an input or such a hash function. */
export function capabilitiesHash(
  info: DiscoInfo,
  algorithm: string,
  reading: LanguageReading = "inherited",
): string | undefined {
  return once(info, `${reading} ${algorithm}`, algorithm, () => hashInput(info, reading));
}

/** The same few answers stand behind the stream features of each login; sorting them costs more than all else there. */
const computed = new WeakMap<DiscoInfo, Map<string, string | undefined>>();

function once(info: DiscoInfo, key: string, algorithm: string, input: () => Buffer | undefined): string | undefined {
  if (!hashNames.includes(algorithm)) return undefined;
  let hashes = computed.get(info);
  if (hashes === undefined) computed.set(info, (hashes = new Map()));
  if (!hashes.has(key)) {
    const octets = input();
    hashes.set(key, octets && hashed(algorithm, octets));
  }
  return hashes.get(key);
}

// XEP-0390 §4.1, from the innermost out; none of them can stand in XML 1.0.
const UNIT = "\u001f";
const RECORD = "\u001e";
const GROUP = "\u001d";
const FILE = "\u001c";

function joined(texts: readonly string[]): string {
  return inOctetOrder(texts.map((text) => [text]))
    .flat()
    .join("");
}

/**
 * Sorts by `i;octet` (RFC 4790 §9.3): by the octets of UTF-8, which is the order of code points; a comparison of strings
 * would be that of UTF-16. Of parts the first that differs decides, as if NUL stood between them.
 */
function inOctetOrder(items: readonly (readonly string[])[]): readonly (readonly string[])[] {
  return items
    .map((item) => ({ item, octets: Buffer.from(item.join("\0")) }))
    .sort((a, b) => Buffer.compare(a.octets, b.octets))
    .map(({ item }) => item);
}
