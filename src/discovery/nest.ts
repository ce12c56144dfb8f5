import { copyOf, type Element, serialize } from "../xml/index.js";
import { NS } from "../xmpp/index.js";
import { answerForNamespace, type NestedNamespace } from "./answer.js";
import { ownerOf } from "./belonging.js";
import { readForm } from "./form.js";
import { type Identity, identityKey, type Part, languageOf, partOf, writeFeature, writeIdentity } from "./info.js";

export interface NestOptions {
  /** Whether the answer is that of the served domain, which alone announces namespace delegation (XEP-0355 §7.1). */
  readonly announce: boolean;
  /** What the answer announces besides, then. */
  readonly alsoAnnounced?: readonly string[];
  /** The language of the stream that the answer is on (RFC 6120 §4.7.4). */
  readonly lang?: string | undefined;
}

/**
 * Puts what managing entities say in place of what the server says on the namespaces that it delegated.
 *
 * Shape   `query` is the server's answer, of type `result` and to a request without node; it is changed in place. What of
 *         the server's belongs to a delegated namespace goes, unless the entity says exactly the same, and so does what
 *         stands there twice. The rest keeps its place. The entities' identities follow the last identity, their
 *         features the last feature, their forms everything; among themselves in the order of `delegated`.
 *         The whole namespace is replaced even where a filtering attribute delegates a part of its requests (N.B. of
 *         §7.2.1), and where the entity's answer is unknown: better nothing than the features of a service that is not
 *         asked.
 *         Where an entity names an identity or a FORM_TYPE that stands there already and is not its own, the first wins:
 *         the server, then `delegated` in order.
 *         `delegated` is a value: when an answer comes in, another array is given.
 * Returns whether anything changed; otherwise the bytes as received may go on. Doing it again changes nothing.
 * Cost    one pass; a comparison with each delegated namespace for each feature of the server.
 * Source  XEP-0355 §7.1, §7.2.1 to §7.2.3; XEP-0115 §5.4; XEP-0030 §3.1; protocol.md D50, D52, D54, D56.
 */
export function nest(query: Element, delegated: readonly NestedNamespace[], options: NestOptions): boolean {
  const additions = additionsOf(delegated);
  const seen = new Seen(languageOf(query) ?? options.lang);
  const kept: (Element | string)[] = [];
  let [behindIdentities, behindFeatures] = [0, 0];

  for (const child of query.children) {
    if (typeof child === "string") {
      kept.push(child);
      continue;
    }
    const part = partOf(child);
    if (!stays(part, child, delegated, additions, seen)) continue;
    kept.push(child);
    const { kind } = part;
    if (kind === "identity") behindIdentities = kept.length;
    if (kind === "identity" || kind === "feature") behindFeatures = kept.length;
  }
  const identities = additions.identities.filter((identity) => seen.isNewKind(identity)).map(writeIdentity);
  const announced = options.announce ? [NS.delegation, ...(options.alsoAnnounced ?? [])] : [];
  const features = [...announced, ...additions.features]
    .filter((feature) => seen.isNewFeature(feature))
    .map(writeFeature);
  const forms = [...additions.forms].filter(([formType]) => seen.isNewForm(formType)).map(([, form]) => copyOf(form));

  const removed = kept.length !== query.children.length;
  const added = [...identities, ...features, ...forms];
  if (!removed && added.length === 0) return false;
  query.children = [
    ...kept.slice(0, behindIdentities),
    ...identities,
    ...kept.slice(behindIdentities, behindFeatures),
    ...features,
    ...kept.slice(behindFeatures),
    ...forms,
  ];
  for (const element of added) element.parent = query;
  return true;
}

/** What all entities together say; each form by its FORM_TYPE, the first of several. */
interface Additions {
  readonly identities: readonly Identity[];
  readonly identityKeys: ReadonlySet<string>;
  readonly features: ReadonlySet<string>;
  readonly forms: ReadonlyMap<string, Element>;
  /** The server's identities that are replaced, `category/type`. */
  readonly replaced: ReadonlySet<string>;
}

/** Each client asks when it logs in, and all are given the same: worked out once for each array of delegations. */
const known = new WeakMap<readonly NestedNamespace[], Additions>();

function additionsOf(delegated: readonly NestedNamespace[]): Additions {
  const before = known.get(delegated);
  if (before !== undefined) return before;
  const answers = delegated.map((one) => answerForNamespace(one, delegated));
  const identities = answers.flatMap((answer) => answer.identities);
  const forms = new Map<string, Element>();
  for (const { formType, element } of answers.flatMap((answer) => answer.forms)) {
    if (formType !== undefined && !forms.has(formType)) forms.set(formType, element);
  }
  const additions = {
    identities,
    identityKeys: new Set(identities.map(identityKey)),
    features: new Set(answers.flatMap((answer) => answer.features)),
    forms,
    replaced: new Set(delegated.flatMap((one) => one.identities)),
  };
  known.set(delegated, additions);
  return additions;
}

/** Whether a child of the server's answer remains. */
function stays(
  part: Part,
  child: Element,
  delegated: readonly NestedNamespace[],
  additions: Additions,
  seen: Seen,
): boolean {
  switch (part.kind) {
    case "feature": {
      const { name } = part;
      if (name === undefined) return true;
      const isReplaced = ownerOf(name, delegated) !== undefined && !additions.features.has(name);
      return !isReplaced && seen.isNewFeature(name);
    }
    case "identity": {
      const { identity } = part;
      if (identity === undefined) return true;
      const isReplaced =
        additions.replaced.has(`${identity.category}/${identity.type}`) &&
        !additions.identityKeys.has(identityKey(identity));
      return !isReplaced && seen.isNewIdentity(identity);
    }
    case "form": {
      const { formType, element } = readForm(child);
      if (formType === undefined) return true;
      if (ownerOf(formType, delegated) !== undefined) {
        const addition = additions.forms.get(formType);
        if (addition === undefined || serialize(addition) !== serialize(element)) return false;
      }
      return seen.isNewForm(formType);
    }
    case "other":
      return true;
    default:
      return part satisfies never;
  }
}

/** What stands in the answer so far. Each question also takes note. */
class Seen {
  readonly #lang: string | undefined;
  readonly #features = new Set<string>();
  readonly #identities = new Set<string>();
  readonly #kinds = new Set<string>();
  readonly #formTypes = new Set<string>();

  constructor(lang: string | undefined) {
    this.#lang = lang;
  }

  isNewFeature(feature: string): boolean {
    return isNewIn(this.#features, feature);
  }

  isNewForm(formType: string): boolean {
    return isNewIn(this.#formTypes, formType);
  }

  /** Not the same in category, type, language and name (XEP-0115 §5.4). */
  isNewIdentity(identity: Identity): boolean {
    this.isNewKind(identity);
    return isNewIn(this.#identities, identityKey(identity));
  }

  /** Not the same in category, type and language: XEP-0030 §3.1 forbids two that differ in the name alone. */
  isNewKind({ category, type, lang = this.#lang }: Identity): boolean {
    return isNewIn(this.#kinds, identityKey({ category, type, lang, name: undefined }));
  }
}

function isNewIn(set: Set<string>, value: string): boolean {
  if (set.has(value)) return false;
  set.add(value);
  return true;
}
