import type { XmlFaultCondition } from "./frame.js";

/** What is told of one fault code; `docs/errors.md` lists the same codes. */
export interface XmlFaultEntry {
  readonly code: string;
  readonly condition: XmlFaultCondition;
  readonly source: string;
}

/**
 * Every way in which a stream can break the rules of XML, of namespaces or of XMPP's restriction of both.
 * The order is the number that the lexer gives; new ones are added at the end.
 */
export const xmlFaults = {
  invalidUtf8: entry("invalid-utf8", "unsupported-encoding", "RFC 6120 §11.6, RFC 3629 §3"),
  unsupportedEncoding: entry("unsupported-encoding", "unsupported-encoding", "RFC 6120 §11.6"),
  illegalCharacter: entry("illegal-character", "not-well-formed", "RFC 6120 §11.3, XML 1.0 §2.2"),
  illegalCharacterReference: entry("illegal-character-reference", "not-well-formed", "RFC 6120 §11.3, XML 1.0 §4.1"),
  malformedReference: entry("malformed-reference", "not-well-formed", "RFC 6120 §11.3, XML 1.0 §4.1"),
  undefinedEntity: entry("undefined-entity", "restricted-xml", "RFC 6120 §11.1"),
  comment: entry("comment", "restricted-xml", "RFC 6120 §11.1"),
  processingInstruction: entry("processing-instruction", "restricted-xml", "RFC 6120 §11.1"),
  doctype: entry("doctype", "restricted-xml", "RFC 6120 §11.1"),
  malformedMarkup: entry("malformed-markup", "not-well-formed", "RFC 6120 §11.3, XML 1.0 §2.4"),
  malformedTag: entry("malformed-tag", "not-well-formed", "RFC 6120 §11.3, XML 1.0 §3.1"),
  ltInAttribute: entry("lt-in-attribute", "not-well-formed", "RFC 6120 §11.3, XML 1.0 §3.1"),
  duplicateAttribute: entry("duplicate-attribute", "not-well-formed", "RFC 6120 §11.3, XML 1.0 §3.1"),
  duplicateExpandedAttribute: entry(
    "duplicate-expanded-attribute",
    "not-well-formed",
    "RFC 6120 §11.3, Namespaces in XML 1.0 §6.3",
  ),
  mismatchedEndTag: entry("mismatched-end-tag", "not-well-formed", "RFC 6120 §11.3, XML 1.0 §3"),
  cdataEndInText: entry("cdata-end-in-text", "not-well-formed", "RFC 6120 §11.3, XML 1.0 §2.4"),
  malformedQualifiedName: entry(
    "malformed-qualified-name",
    "not-well-formed",
    "RFC 6120 §11.3, Namespaces in XML 1.0 §4",
  ),
  unboundPrefix: entry("unbound-prefix", "bad-namespace-prefix", "RFC 6120 §4.9.3.2, Namespaces in XML 1.0 §5"),
  reservedNamespace: entry("reserved-namespace", "bad-namespace-prefix", "RFC 6120 §11.3, Namespaces in XML 1.0 §3"),
  undeclaredPrefix: entry("undeclared-prefix", "bad-namespace-prefix", "RFC 6120 §11.3, Namespaces in XML 1.0 §5"),
  malformedNamespace: entry("malformed-namespace", "not-well-formed", "RFC 6120 §11.3, Namespaces in XML 1.0 §2.2"),
  malformedDeclaration: entry("malformed-declaration", "not-well-formed", "RFC 6120 §11.5, XML 1.0 §2.8"),
  unsupportedXmlVersion: entry("unsupported-xml-version", "unsupported-version", "RFC 6120 §11.5"),
  standaloneDocument: entry("standalone-no", "restricted-xml", "RFC 6120 §11.1, XML 1.0 §2.9"),
  textBeforeHeader: entry("text-before-header", "not-well-formed", "RFC 6120 §11.3, XML 1.0 §2.8"),
  wrongStreamNamespace: entry("wrong-stream-namespace", "invalid-namespace", "RFC 6120 §4.8.1, §4.9.3.10"),
  wrongRootElement: entry("wrong-root-element", "bad-format", "RFC 6120 §4.2, §4.9.3.1"),
  selfClosedHeader: entry("self-closed-header", "bad-format", "RFC 6120 §4.2, §4.9.3.1"),
  nestedStreamHeader: entry("nested-stream-header", "invalid-xml", "RFC 6120 §4.2, §4.9.3.11"),
  nestedStreamElement: entry("nested-stream-element", "invalid-xml", "RFC 6120 §4.8.1, §4.9.3.11"),
  textBetweenElements: entry("text-between-elements", "bad-format", "RFC 6120 §4.9.3.1, §11.7"),
  contentAfterEnd: entry("content-after-end", "not-well-formed", "RFC 6120 §4.4, XML 1.0 §2.1"),
  frameTooLarge: entry("frame-too-large", "policy-violation", "RFC 6120 §13.12, §4.9.3.14"),
  tooDeep: entry("too-deep", "policy-violation", "RFC 6120 §13.12, §4.9.3.14"),
  tooManyAttributes: entry("too-many-attributes", "policy-violation", "RFC 6120 §13.12, §4.9.3.14"),
  tooManyChildren: entry("too-many-children", "policy-violation", "RFC 6120 §13.12, §4.9.3.14"),
  nameTooLong: entry("name-too-long", "policy-violation", "RFC 6120 §13.12, §4.9.3.14"),
  tooManyPrefixes: entry("too-many-prefixes", "policy-violation", "RFC 6120 §13.12, §4.9.3.14"),
} as const satisfies Record<string, XmlFaultEntry>;

export type XmlFaultName = keyof typeof xmlFaults;

function entry(code: string, condition: XmlFaultCondition, source: string): XmlFaultEntry {
  return { code, condition, source };
}
