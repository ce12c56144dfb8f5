import { unescapeXML } from "ltx";
import { UsageError } from "../xmpp/index.js";

/**
 * Expands the five predefined entities and character references.
 *
 * Errors  UsageError for any other reference: the framer must not have passed it.
 */
export function expandReferences(text: string): string {
  if (!text.includes("&")) return text;
  try {
    return unescapeXML(text);
  } catch {
    throw new UsageError("the framer passed an unknown reference");
  }
}
