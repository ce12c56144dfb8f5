import type { ChannelBinding, StanzaLimits } from "../stream/index.js";
import { lowerLimits, removeFeatures } from "../stream/index.js";
import type { Element } from "../xml/index.js";

/**
 * Makes a server's `<stream:features/>` one that holds behind Caesura (protocol.md A1 to A8, A10, T2, R8).
 *
 * Shape   `features` is changed in place. Returns whether it was; otherwise the bytes as received go on.
 */
export function adaptFeatures(features: Element, limits: StanzaLimits, binding: ChannelBinding): boolean {
  const isReduced = removeFeatures(features, binding);
  return lowerLimits(features, limits) || isReduced;
}
