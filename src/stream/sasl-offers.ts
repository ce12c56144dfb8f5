import type { Element } from "../xml/index.js";
import { attributeOf, childElements, findChild, namespaceOf } from "../xml/index.js";
import { NS } from "../xmpp/index.js";

/**
 * What becomes of the server's offers to bind a login to TLS, which ends here on either side:
 *
 * - `passthrough`: they pass. The server's leg is in clear, so that it makes none, or the operator wants none altered;
 * - `endpoint`: both legs show the same certificate, so `tls-server-end-point` (RFC 5929 §4) holds, and it alone;
 * - `strip`: none is shown to clients.
 *
 * Source  protocol.md A1 to A4; docs/decisions/0012-channel-binding.md.
 */
export type ChannelBinding = "passthrough" | "endpoint" | "strip";

/** RFC 5929 §4: the hash of the server's certificate, the one kind of binding that is the same on two connections. */
export const END_POINT = "tls-server-end-point";

/**
 * Whether a login by this mechanism is lost between a client and a server whose TLS both end here.
 *
 * EXTERNAL: the server never sees the client's certificate (A7). `HT-…-UNIQ` and `-EXPR` are bound to one TLS connection, `-ENDP`
 * to a certificate (A8; draft-schmaus-kitten-sasl-ht §3). `…-PLUS` binds to whatever the client chooses, so it is the operator who says.
 */
export function isLost(mechanism: string, binding: ChannelBinding): boolean {
  const name = mechanism.trim().toUpperCase();
  if (name === "EXTERNAL") return true;
  if (name.startsWith("HT-")) {
    return name.endsWith("-UNIQ") || name.endsWith("-EXPR") || (name.endsWith("-ENDP") && binding !== "endpoint");
  }
  return binding === "strip" && name.endsWith("-PLUS");
}

/**
 * Takes the mechanisms and the kinds of channel binding that are lost out of a server's `<stream:features/>`: those of
 * SASL (RFC 6120 §6.4.1), SASL2 (XEP-0388 §2.1), FAST (XEP-0484 §3.1) and ISR (XEP-0397 §3), and the list of XEP-0440. A list of which
 * nothing is left goes too, because each promises one entry at least.
 *
 * Shape   `features` is changed in place. Returns whether it was; with `passthrough` that is rare, see `isLost`.
 */
export function limitOffers(features: Element, binding: ChannelBinding): boolean {
  const authentication = findChild(features, "authentication", NS.sasl2);
  const inline = authentication && findChild(authentication, "inline", NS.sasl2);
  const fast = inline && findChild(inline, "fast", NS.fast);
  const isr = findChild(features, "isr", NS.isr);
  const mechanisms = findChild(features, "mechanisms", NS.sasl);
  let changed = false;
  if (fast !== undefined) {
    changed = withoutEarlyData(fast);
    changed = withoutMechanisms(fast, NS.fast, binding) || changed;
  }
  if (isr !== undefined) {
    const ofIsr = findChild(isr, "mechanisms", NS.sasl);
    const isChanged = ofIsr !== undefined && withoutMechanisms(ofIsr, NS.sasl, binding);
    // XEP-0397 §3: the feature holds the list.
    if (isChanged && ofIsr.parent === null) features.remove(isr);
    changed = isChanged || changed;
  }
  for (const place of [features, mechanisms, authentication]) {
    if (place !== undefined) changed = withoutBindings(place, binding) || changed;
  }
  if (mechanisms !== undefined) changed = withoutMechanisms(mechanisms, NS.sasl, binding) || changed;
  if (authentication !== undefined) changed = withoutMechanisms(authentication, NS.sasl2, binding) || changed;
  return changed;
}

/**
 * The kinds of channel binding that a server says it can do (XEP-0440 §2); undefined if it does not say. To be asked before
 * `limitOffers`.
 */
export function bindingTypesOf(features: Element): readonly string[] | undefined {
  const lists = [findChild(features, "mechanisms", NS.sasl), findChild(features, "authentication", NS.sasl2)];
  for (const place of [features, ...lists]) {
    const list = place && findChild(place, "sasl-channel-binding", NS.saslChannelBinding);
    if (list !== undefined) return childElements(list).map((type) => attributeOf(type, "type") ?? "");
  }
  return undefined;
}

/** The answer to a login by a mechanism that was not offered (RFC 6120 §6.5.7, XEP-0388 §2.6.2). */
export function invalidMechanism(namespace: typeof NS.sasl | typeof NS.sasl2): string {
  const condition = `<invalid-mechanism${namespace === NS.sasl ? "" : ` xmlns='${NS.sasl}'`}/>`;
  return `<failure xmlns='${namespace}'>${condition}</failure>`;
}

function withoutMechanisms(list: Element, namespace: string, binding: ChannelBinding): boolean {
  const offered = childElements(list).filter(
    (child) => child.name === "mechanism" && namespaceOf(child, namespaceOf(list)) === namespace,
  );
  const lost = offered.filter((mechanism) => isLost(mechanism.getText(), binding));
  for (const mechanism of lost) list.remove(mechanism);
  if (lost.length > 0 && lost.length === offered.length) takeOut(list);
  return lost.length > 0;
}

/** XEP-0440 §2: a stream feature; earlier versions had it inside the list of mechanisms. */
function withoutBindings(place: Element, binding: ChannelBinding): boolean {
  const list = binding === "passthrough" ? undefined : findChild(place, "sasl-channel-binding", NS.saslChannelBinding);
  if (list === undefined) return false;
  const types = childElements(list);
  const lost = types.filter(({ attrs }) => binding === "strip" || attrs["type"] !== END_POINT);
  for (const type of lost) list.remove(type);
  if (lost.length === types.length) takeOut(list);
  return lost.length > 0 || types.length === 0;
}

/** TLS 1.3 early data is not taken here (A8), so nobody is to try. */
function withoutEarlyData(fast: Element): boolean {
  if (!Object.hasOwn(fast.attrs, "tls-0rtt")) return false;
  delete fast.attrs["tls-0rtt"];
  return true;
}

function takeOut(element: Element): void {
  element.parent?.remove(element);
  element.parent = null;
}
