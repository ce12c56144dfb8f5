import type { XmlFaultName } from "./faults.js";

/**
 * What is wrong with an XML declaration (RFC 6120 §11.5, §11.6; XML 1.0 §2.8, §2.9), if anything is.
 *
 * Shape   `text` stands between `<?xml` and `?>` and begins with white space.
 */
export function declarationFault(text: string): XmlFaultName | undefined {
  const groups = shape.exec(text)?.groups;
  if (groups === undefined) return "malformedDeclaration";
  const version = groups["version"] ?? groups["version2"];
  if (version !== "1.0") return "unsupportedXmlVersion";
  const encoding = groups["encoding"] ?? groups["encoding2"];
  if (encoding !== undefined && encoding.toLowerCase() !== "utf-8") return "unsupportedEncoding";
  return (groups["standalone"] ?? groups["standalone2"]) === "no" ? "standaloneDocument" : undefined;
}

const space = "[ \\t\\r\\n]";
const shape = new RegExp(
  `^${attribute("version", "[A-Za-z0-9_.:-]+")}(?:${attribute("encoding", "[A-Za-z][A-Za-z0-9._-]*")})?` +
    `(?:${attribute("standalone", "yes|no")})?${space}*$`,
);

function attribute(name: string, value: string): string {
  return `${space}+${name}${space}*=${space}*(?:'(?<${name}>${value})'|"(?<${name}2>${value})")`;
}
