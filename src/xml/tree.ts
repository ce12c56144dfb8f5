import { Element } from "ltx";
import type { NamespaceScope } from "./frame.js";

export { Element };

export function parseElement(_bytes: Buffer, _start: number, _end: number, _scope: NamespaceScope): Element {
  throw new Error("not written yet");
}

export function namespaceOf(_element: Element, _parentNamespace?: string): string {
  throw new Error("not written yet");
}

export function childElements(_element: Element): readonly Element[] {
  throw new Error("not written yet");
}

export function findChild(_element: Element, _name: string, _namespace: string): Element | undefined {
  throw new Error("not written yet");
}
