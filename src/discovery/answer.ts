import { isDelegationItself, ownerOf } from "./belonging.js";
import { type DiscoForm, type DiscoInfo, type Identity, inheritsLanguage } from "./info.js";

/** A delegated namespace as discovery sees it. */
export interface NestedNamespace {
  readonly namespace: string;
  /** The managing entity; equal texts are one entity. */
  readonly entity: string;
  /** The server's identities that the delegation replaces, `category/type` (protocol.md D52). */
  readonly identities: readonly string[];
  /** What the entity answered on the namespace's node; undefined while that is unknown. */
  readonly info: DiscoInfo | undefined;
}

/** Why a part of an entity's answer is not nested. */
export const answerRefusals = {
  "delegation-protocol": "the delegation protocol itself, which is the server's to announce (XEP-0355 §7.1, §8)",
  "other-entity": "what belongs to a namespace that another entity manages (XEP-0355 §7.2.1)",
  "form-without-type": "a form whose FORM_TYPE is missing, not hidden or contradictory (XEP-0068 §4.3, XEP-0128 §2)",
} as const;

export type AnswerRefusal = keyof typeof answerRefusals;
/** How many parts were refused, by reason. */
export type AnswerRefusals = Readonly<Record<AnswerRefusal, number>>;

/** What an entity adds to the server's answers. */
export interface Contribution {
  readonly identities: readonly Identity[];
  readonly features: readonly string[];
  readonly forms: readonly DiscoForm[];
  readonly refused: AnswerRefusals;
}

/**
 * What of an entity's answer on a namespace is added to the server's.
 *
 * XEP-0355 §7.2.1: "the server MUST advertise the result in its own discovery answer". The result, not that part of it
 * which belongs to the namespace: real entities give features that a namespace brings along (`urn:xmpp:order-by:0` with
 * pubsub), and they are added. The delegation covers one namespace, though. What falls under a delegation to *another*
 * entity is that one's to say, and the delegation protocol is the server's; both are left out, and so is a form that
 * says no FORM_TYPE, which would leave the whole answer without a hash of XEP-0390 (§4.1).
 *
 * Shape   `delegated` are all the delegations of the domain, `one` among them; nothing of an entity whose answer is
 *         unknown. Names in an inherited language say it, because they are to stand in another stanza.
 */
export function answerForNamespace(one: NestedNamespace, delegated: readonly NestedNamespace[]): Contribution {
  const refused = { "delegation-protocol": 0, "other-entity": 0, "form-without-type": 0 };
  const { info, entity } = one;
  if (info === undefined) return { identities: [], features: [], forms: [], refused };

  const isAllowed = (name: string): boolean => {
    if (isDelegationItself(name)) {
      refused["delegation-protocol"]++;
      return false;
    }
    const owner = ownerOf(name, delegated);
    if (owner === undefined || owner.entity === entity) return true;
    refused["other-entity"]++;
    return false;
  };
  const isClaimedElsewhere = ({ category, type }: Identity): boolean => {
    const claims = delegated.filter(({ identities }) => identities.includes(`${category}/${type}`));
    return claims.length > 0 && claims.every((claim) => claim.entity !== entity);
  };

  return {
    identities: info.identities
      .filter((identity) => {
        if (!isClaimedElsewhere(identity)) return true;
        refused["other-entity"]++;
        return false;
      })
      .map((identity) => (inheritsLanguage(identity) ? { ...identity, lang: info.lang } : identity)),
    features: info.features.filter(isAllowed),
    forms: info.forms.filter((form) => {
      if (form.typing === "hidden" && form.formType !== undefined) return isAllowed(form.formType);
      refused["form-without-type"]++;
      return false;
    }),
    refused,
  };
}
