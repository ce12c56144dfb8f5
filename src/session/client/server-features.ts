import type { StanzaLimits } from "../../stream/index.js";
import { lowerLimits, removeFeatures } from "../../stream/index.js";
import type { Element } from "../../xml/index.js";
import type { Domain } from "../domain/domain.js";

/**
 * Makes a server's `<stream:features/>` one that holds behind Caesura (protocol.md A1 to A8, A10, D55, T2, R8).
 *
 * Shape   `features` is changed in place. Returns whether it was; otherwise the bytes as received go on.
 */
export function adaptFeatures(features: Element, limits: StanzaLimits, { settings, discovery }: Domain): boolean {
  const isReduced = removeFeatures(features, settings.channelBinding);
  const isRewritten = discovery.rewriteCapabilities(features);
  return lowerLimits(features, limits) || isReduced || isRewritten;
}
