import { Element, serialize } from "../../xml/index.js";
import type { StreamErrorCondition } from "../../xmpp/index.js";
import { NS } from "../../xmpp/index.js";

/**
 * A stream error and the end of the stream. Nobody else turns a fault into bytes. `detail` is XML of ours; `text` is what
 * the condition contains, for `<see-other-host/>` (§4.9.3.19).
 *
 * Source  RFC 6120 §4.9.1, §4.9.2: the error, then the closing tag, then the connection is closed.
 */
export function streamErrorBytes(
  condition: StreamErrorCondition,
  rootName: string,
  { detail = "", text = "" }: { readonly detail?: string; readonly text?: string } = {},
): Buffer {
  const element =
    text === ""
      ? `<${condition} xmlns='${NS.streamErrors}'/>`
      : serialize(new Element(condition, { xmlns: NS.streamErrors }).t(text));
  // The header that opened this stream may have another prefix, so the namespace is written out.
  return Buffer.from(`<stream:error xmlns:stream='${NS.streams}'>${element}${detail}</stream:error></${rootName}>`);
}
