import type { Element } from "../xml/index.js";
import { attributeOf, childElements, copyOf, namespaceOf } from "../xml/index.js";
import { NS } from "../xmpp/index.js";

/** A form of XEP-0128 in an answer. */
export interface DiscoForm {
  /** The first value of FORM_TYPE; undefined without one. */
  readonly formType: string | undefined;
  /**
   * How FORM_TYPE says what it says. `hidden`: as XEP-0068 §4.2 demands. `open`: in a field that is not hidden. `none`: not
   * at all. `contradictory`: with several values.
   */
  readonly typing: "hidden" | "open" | "none" | "contradictory";
  /** Stands by itself. */
  readonly element: Element;
}

export interface FormField {
  /** `""` for a field without `var`, as one of type `fixed` may be. */
  readonly name: string;
  readonly values: readonly string[];
}

/** Reads a form; the tree that it stands in is not kept. */
export function readForm(element: Element): DiscoForm {
  const carriers = dataElements(element, "field").filter((field) => attributeOf(field, "var") === FORM_TYPE);
  const values = carriers.flatMap(valuesOf);
  const formType = values[0];
  return { formType, typing: typingOf(carriers, values), element: copyOf(element) };
}

const FORM_TYPE = "FORM_TYPE";

function typingOf(carriers: readonly Element[], [first, ...rest]: readonly string[]): DiscoForm["typing"] {
  if (first === undefined) return "none";
  if (rest.some((value) => value !== first)) return "contradictory";
  return carriers.every((field) => attributeOf(field, "type") === "hidden") ? "hidden" : "open";
}

/** The fields of a form, FORM_TYPE among them, in the order in which they stand there. */
export function fieldsOf({ element }: DiscoForm): readonly FormField[] {
  return dataElements(element, "field").map((field) => ({
    name: attributeOf(field, "var") ?? "",
    values: valuesOf(field),
  }));
}

/** The fields without FORM_TYPE. */
export function ownFieldsOf(form: DiscoForm): readonly FormField[] {
  return fieldsOf(form).filter(({ name }) => name !== FORM_TYPE);
}

/** Whether a form is a table of results, which no hash of XEP-0390 covers (§4.1). */
export function isTable({ element }: DiscoForm): boolean {
  return dataElements(element, "reported").length > 0 || dataElements(element, "item").length > 0;
}

function valuesOf(field: Element): readonly string[] {
  return dataElements(field, "value").map((value) => value.getText());
}

function dataElements(parent: Element, name: string): readonly Element[] {
  const own = namespaceOf(parent);
  return childElements(parent).filter((child) => child.name === name && namespaceOf(child, own) === NS.dataForms);
}
