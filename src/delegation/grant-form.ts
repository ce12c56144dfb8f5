import { attributeOf, childElements, Element, findChild, namespaceOf } from "../xml/index.js";
import { NS } from "../xmpp/index.js";
import type { GrantQuestion } from "./grant-questions.js";
import { featureName, type GrantTexts } from "./grant-texts.js";

/** XEP-0355 §5.1: the values of a question. The default MUST be the refusal. */
export const GRANTED = "1";
export const REFUSED = "0";

/** A choice between yes and no about a namespace. */
export interface NamespaceChoice {
  readonly namespace: string;
  readonly label: string;
  readonly value: typeof GRANTED | typeof REFUSED;
}

/**
 * The message that asks a user.
 *
 * Shape   an element in `jabber:client`; `managers` tells who manages a namespace that is asked for already.
 * Source  XEP-0355 §5.1 (warning, labels, namespaces as `var`, default 0); XEP-0004 §3.2; protocol.md D61.
 */
export function grantMessage(
  question: GrantQuestion,
  address: { readonly id: string; readonly from: string; readonly to: string },
  texts: GrantTexts,
  managers: (namespace: string) => string | undefined,
): Element {
  const { entity, namespaces, challenge } = question;
  const features = namespaces.map((namespace) => featureName(texts, namespace));
  const message = new Element("message", { xmlns: NS.client, ...address, "xml:lang": texts.language });
  message.c("body").t(texts.warning(entity, features));
  const choices = namespaces.map((namespace, index): NamespaceChoice => {
    const manager = managers(namespace);
    const feature = features[index] ?? namespace;
    const label = manager === undefined ? texts.label(feature) : texts.labelReplacing(feature, manager);
    return { namespace, label, value: REFUSED };
  });
  const form = { title: texts.title, instructions: texts.instructions(entity), formType: NS.delegation };
  message.cnode(grantForm(form, [["challenge", challenge]], choices, texts));
  return message;
}

/** A form of one yes-or-no question for each namespace (XEP-0004 §3.3). */
export function grantForm(
  about: { readonly title: string; readonly instructions: string; readonly formType: string },
  hidden: readonly (readonly [name: string, value: string])[],
  choices: readonly NamespaceChoice[],
  texts: GrantTexts,
): Element {
  const form = new Element("x", { xmlns: NS.dataForms, type: "form" });
  form.c("title").t(about.title);
  form.c("instructions").t(about.instructions);
  for (const [name, value] of [["FORM_TYPE", about.formType] as const, ...hidden]) {
    form.c("field", { type: "hidden", var: name }).c("value").t(value);
  }
  for (const { namespace, label, value } of choices) {
    const field = form.c("field", { type: "list-single", label, var: namespace });
    field.c("value").t(value);
    field.c("option", { label: texts.no }).c("value").t(REFUSED);
    field.c("option", { label: texts.yes }).c("value").t(GRANTED);
  }
  return form;
}

/** A form that came back. */
export interface SubmittedForm {
  readonly type: "submit" | "cancel";
  /** Undefined when absent. An empty one is what XEP-0355's own example has. */
  readonly formType: string | undefined;
  /** Without FORM_TYPE; undefined if a field has no name, no or several values, or is there twice. */
  readonly fields: ReadonlyMap<string, string> | undefined;
  /** Whatever the rest looks like. */
  readonly challenge: string | undefined;
}

/** Reads the form within a message or a command; undefined if there is none that was filled in (XEP-0004 §3.1). */
export function readSubmittedForm(parent: Element): SubmittedForm | undefined {
  const form = findChild(parent, "x", NS.dataForms);
  if (form === undefined) return undefined;
  const type = attributeOf(form, "type");
  if (type !== "submit" && type !== "cancel") return undefined;
  const fields = new Map<string, string>();
  let isSound = true;
  for (const field of childElements(form)) {
    if (field.name !== "field" || namespaceOf(field) !== NS.dataForms) continue;
    const name = attributeOf(field, "var");
    const values = childElements(field).filter(({ name: child }) => child === "value");
    const [value] = values;
    if (name === undefined || value === undefined || values.length > 1 || fields.has(name)) isSound = false;
    else fields.set(name, value.getText());
  }
  const formType = fields.get("FORM_TYPE");
  fields.delete("FORM_TYPE");
  return { type, formType, fields: isSound ? fields : undefined, challenge: fields.get("challenge") };
}

/**
 * What a user chose about some namespaces; one that is not in the form is in neither list.
 *
 * Errors  undefined for a form with another field, or a value that was not offered (XEP-0004 §3.3): nothing of it counts.
 */
export function readChoices(
  fields: SubmittedForm["fields"],
  namespaces: readonly string[],
  others: readonly string[] = [],
): { readonly granted: readonly string[]; readonly refused: readonly string[] } | undefined {
  if (fields === undefined) return undefined;
  for (const [name, value] of fields) {
    if (others.includes(name)) continue;
    if (!namespaces.includes(name) || (value !== GRANTED && value !== REFUSED)) return undefined;
  }
  return {
    granted: namespaces.filter((namespace) => fields.get(namespace) === GRANTED),
    refused: namespaces.filter((namespace) => fields.get(namespace) === REFUSED),
  };
}
