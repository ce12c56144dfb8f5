import type { Element } from "ltx";

export function serialize(_element: Element, _contextNamespace?: string): string {
  throw new Error("not written yet");
}
