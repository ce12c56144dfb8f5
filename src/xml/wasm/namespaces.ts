import { isSame, keyOf } from "./characters";
import { MALFORMED_NAMESPACE, RESERVED_NAMESPACE, TOO_MANY_PREFIXES, UNDECLARED_PREFIX } from "./faults";
import { Area, Attribute, Binding, MAX_PREFIXES } from "./memory";
import { stream } from "./stream";

// Which namespace a binding is for, where it matters.
export const OTHER: u32 = 0;
export const CONTENT: u32 = 1;
export const STREAMS: u32 = 2;
export const XML: u32 = 3;
const XMLNS: u32 = 4;

// prettier-ignore: jabber:client
const clientName = memory.data<u8>([
  106, 97, 98, 98, 101, 114, 58, 99, 108, 105, 101, 110, 116, 0, 0, 0, 0, 0, 0, 0, 0,
]);
// prettier-ignore: jabber:component:accept
const componentName = memory.data<u8>([
  106, 97, 98, 98, 101, 114, 58, 99, 111, 109, 112, 111, 110, 101, 110, 116, 58, 97, 99, 99, 101, 112, 116, 0, 0, 0, 0,
  0, 0, 0, 0,
]);
// prettier-ignore: http://etherx.jabber.org/streams
const streamsName = memory.data<u8>([
  104, 116, 116, 112, 58, 47, 47, 101, 116, 104, 101, 114, 120, 46, 106, 97, 98, 98, 101, 114, 46, 111, 114, 103, 47,
  115, 116, 114, 101, 97, 109, 115, 0, 0, 0, 0, 0, 0, 0, 0,
]);
// prettier-ignore: http://www.w3.org/XML/1998/namespace
const xmlName = memory.data<u8>([
  104, 116, 116, 112, 58, 47, 47, 119, 119, 119, 46, 119, 51, 46, 111, 114, 103, 47, 88, 77, 76, 47, 49, 57, 57, 56, 47,
  110, 97, 109, 101, 115, 112, 97, 99, 101, 0, 0, 0, 0, 0, 0, 0, 0,
]);
// prettier-ignore: http://www.w3.org/2000/xmlns/
const xmlnsName = memory.data<u8>([
  104, 116, 116, 112, 58, 47, 47, 119, 119, 119, 46, 119, 51, 46, 111, 114, 103, 47, 50, 48, 48, 48, 47, 120, 109, 108,
  110, 115, 47, 0, 0, 0, 0, 0, 0, 0, 0,
]);

export function bindingAt(index: u32): Binding {
  return changetype<Binding>(Area.bindings + index * offsetof<Binding>());
}

/** What holds before any declaration: the prefix `xml`, and no default namespace (Namespaces in XML 1.0 §3, §6.2). */
export function bindPredeclared(): void {
  const xml = bindingAt(0);
  xml.prefixKey = 0x6c6d78;
  xml.prefixOffset = 0;
  xml.prefixLength = 3;
  xml.nameOffset = 8;
  xml.nameLength = 36;
  xml.which = XML;
  store<u64>(Area.namespaceNames, 0x6c6d78);
  memory.copy(Area.namespaceNames + 8, xmlName, 36);
  const none = bindingAt(1);
  none.prefixKey = 0;
  none.prefixOffset = 0;
  none.prefixLength = 0;
  none.nameOffset = 0;
  none.nameLength = 0;
  none.which = OTHER;
  stream.bindings = 2;
  stream.defaultBinding = 1;
  stream.prefixes = 0;
  stream.namespaceNamesEnd = 44;
}

/** The binding of a prefix, or -1. */
export function findPrefix(at: usize, length: u32): i32 {
  const key = keyOf(at, length);
  for (let index = (stream.bindings as i32) - 1; index >= 0; index--) {
    const binding = bindingAt(index);
    if (binding.prefixKey == key && binding.prefixLength == length) {
      if (length <= 8 || isSame(Area.namespaceNames + binding.prefixOffset, at, length)) return index;
    }
  }
  return -1;
}

/** The attribute that was read last declares the namespace whose name was read last. Returns a fault. */
export function declare(attribute: Attribute): u32 {
  // A line end can only come from a reference. Parsers that join names with one would be misled (CVE-2022-25236).
  if (stream.hasControl) return MALFORMED_NAMESPACE;
  const isDefault = attribute.colon == 0;
  const prefix = Area.attributeNames + attribute.nameOffset + 6;
  const prefixLength: u32 = isDefault ? 0 : attribute.nameLength - 6;
  const prefixKey = keyOf(prefix, prefixLength);
  const which = whichIs(Area.namespaceNames + stream.namespaceNamesEnd, stream.valueLength);

  // Namespaces in XML 1.0 §3: these two belong together, and `xmlns` is never declared.
  if (which == XMLNS || (prefixLength == 5 && prefixKey == 0x736e6c6d78)) return RESERVED_NAMESPACE;
  if ((which == XML) != (prefixLength == 3 && prefixKey == 0x6c6d78)) return RESERVED_NAMESPACE;
  if (!isDefault && stream.valueLength == 0) return UNDECLARED_PREFIX;

  if (!stream.declares) {
    stream.declares = 1;
    stream.outerBindings = stream.bindings;
    stream.outerDefaultBinding = stream.defaultBinding;
    stream.outerPrefixes = stream.prefixes;
    stream.outerNamespaceNamesEnd = stream.namespaceNamesEnd;
  }
  if (isDefault) stream.defaultBinding = stream.bindings;
  else if (++stream.prefixes > MAX_PREFIXES) return TOO_MANY_PREFIXES;
  const binding = bindingAt(stream.bindings++);
  binding.nameOffset = stream.namespaceNamesEnd;
  binding.nameLength = stream.valueLength;
  stream.namespaceNamesEnd += stream.valueLength;
  stream.valueLength = 0;
  binding.prefixKey = prefixKey;
  binding.prefixOffset = stream.namespaceNamesEnd;
  binding.prefixLength = prefixLength;
  binding.which = which;
  if (!isDefault) {
    memory.copy(Area.namespaceNames + stream.namespaceNamesEnd, prefix, prefixLength);
    stream.namespaceNamesEnd += prefixLength;
  }
  return 0;
}

/** FNV-1a, as `namespaceHash` of src/xml/hash.ts. */
export function hashOf(binding: Binding): u32 {
  let hash: u32 = 0x811c9dc5;
  const name = Area.namespaceNames + binding.nameOffset;
  for (let at: u32 = 0; at < binding.nameLength; at++) hash = (hash ^ load<u8>(name + at)) * 0x01000193;
  return hash == 0 ? 1 : hash;
}

export function isSameNamespace(a: Binding, b: Binding): bool {
  if (a.nameLength != b.nameLength) return false;
  return isSame(Area.namespaceNames + a.nameOffset, Area.namespaceNames + b.nameOffset, a.nameLength);
}

function whichIs(name: usize, length: u32): u32 {
  if (length == 13) return stream.content == 0 && isSame(name, clientName, 13) ? CONTENT : OTHER;
  if (length == 23) return stream.content == 1 && isSame(name, componentName, 23) ? CONTENT : OTHER;
  if (length == 32) return isSame(name, streamsName, 32) ? STREAMS : OTHER;
  if (length == 36) return isSame(name, xmlName, 36) ? XML : OTHER;
  return length == 29 && isSame(name, xmlnsName, 29) ? XMLNS : OTHER;
}
