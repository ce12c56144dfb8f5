import { attributeAt, needsResolving, resolveAttributes } from "./attributes";
import { keyOf } from "./characters";
import {
  NESTED_STREAM_ELEMENT,
  NESTED_STREAM_HEADER,
  SELF_CLOSED_HEADER,
  UNBOUND_PREFIX,
  WRONG_ROOT_ELEMENT,
  WRONG_STREAM_NAMESPACE,
} from "./faults";
import { Area, OpenElement, STREAM, STREAM_BYTES } from "./memory";
import { bindingAt, CONTENT, findPrefix, hashOf, STREAMS } from "./namespaces";
import { BETWEEN, ENDED, Stream, stream, TEXT } from "./stream";

// Kinds of frames, as in src/xml/frame.ts.
export const STREAM_HEADER: u32 = 0;
export const STREAM_END: u32 = 1;
export const MESSAGE: u32 = 2;
export const PRESENCE: u32 = 3;
export const IQ: u32 = 4;
export const NONZA: u32 = 5;
export const WHITESPACE: u32 = 6;

export function openElementAt(index: u32): OpenElement {
  return changetype<OpenElement>(Area.open + index * offsetof<OpenElement>());
}

/** A start tag is complete. Sets the state that follows; a frame is complete if that is BETWEEN. Returns a fault. */
export function openElement(isSelfClosed: bool): u32 {
  const name = Area.names + stream.namesEnd;
  const colon = stream.elementColon;
  let binding = stream.defaultBinding;
  if (colon > 0) {
    const found = findPrefix(name, colon);
    if (found < 0) return UNBOUND_PREFIX;
    binding = found;
  }
  if (stream.attributes > 0) {
    if (stream.prefixedAttributes > 0) {
      const fault = resolveAttributes();
      if (fault != 0) return fault;
    }
    stream.attributes = 0;
    stream.attributeNamesEnd = 0;
  }
  const depth = stream.depth;
  const which = bindingAt(binding).which;
  if (depth <= 2) {
    const fault = depth == 0 ? header(name, which, isSelfClosed) : depth == 1 ? frame(name, which) : child(binding);
    if (fault != 0) return fault;
  }
  // RFC 6120 §4.8.1 knows these as children of the root only; deeper they serve to deceive (CVE-2022-20917).
  if (which == STREAMS && depth > 1) return NESTED_STREAM_ELEMENT;

  stream.state = TEXT;
  if (!isSelfClosed) {
    const element = openElementAt(depth);
    element.nameOffset = stream.namesEnd;
    element.nameLength = stream.elementLength;
    element.declares = stream.declares;
    if (stream.declares) {
      element.bindings = stream.outerBindings;
      element.defaultBinding = stream.outerDefaultBinding;
      element.prefixes = stream.outerPrefixes;
      element.namespaceNamesEnd = stream.outerNamespaceNamesEnd;
    }
    stream.namesEnd += stream.elementLength;
    stream.depth = depth + 1;
    if (depth == 0) keepAsRest();
  } else {
    if (stream.declares) {
      stream.bindings = stream.outerBindings;
      stream.defaultBinding = stream.outerDefaultBinding;
      stream.prefixes = stream.outerPrefixes;
      stream.namespaceNamesEnd = stream.outerNamespaceNamesEnd;
    }
    if (depth == 1) stream.state = BETWEEN;
  }
  stream.elementLength = 0;
  return 0;
}

/** An end tag is complete. */
export function closeElement(): void {
  const depth = --stream.depth;
  const element = openElementAt(depth);
  stream.namesEnd = element.nameOffset;
  if (element.declares) {
    stream.bindings = element.bindings;
    stream.defaultBinding = element.defaultBinding;
    stream.prefixes = element.prefixes;
    stream.namespaceNamesEnd = element.namespaceNamesEnd;
  }
  stream.state = depth > 1 ? TEXT : depth == 1 ? BETWEEN : ENDED;
  if (depth == 0) stream.kind = STREAM_END;
}

/** Attributes that `resolveAttributes` has to look at. */
export function countPrefixed(): void {
  if (needsResolving(attributeAt(stream.attributes - 1))) stream.prefixedAttributes++;
}

function header(name: usize, which: u32, isSelfClosed: bool): u32 {
  if (which != STREAMS) return WRONG_STREAM_NAMESPACE;
  if (!isNamedStream(name)) return WRONG_ROOT_ELEMENT;
  return isSelfClosed ? SELF_CLOSED_HEADER : 0;
}

function frame(name: usize, which: u32): u32 {
  stream.kind = NONZA;
  if (which == STREAMS) return isNamedStream(name) ? NESTED_STREAM_HEADER : 0;
  if (which != CONTENT) return 0;
  const local = localOf(name);
  const length = localLength();
  const key = keyOf(local, length);
  if (length == 2 && key == 0x7169) stream.kind = IQ;
  else if (length == 7 && key == 0x6567617373656d) stream.kind = MESSAGE;
  else if (length == 8 && key == 0x65636e6573657270) stream.kind = PRESENCE;
  return 0;
}

function child(binding: u32): u32 {
  stream.children++;
  if (stream.kind == IQ && stream.children == 1) stream.childHash = hashOf(bindingAt(binding));
  return 0;
}

/** The stream header is complete: this is what every frame begins with. */
function keepAsRest(): void {
  stream.restNamesEnd = stream.namesEnd;
  stream.restBindings = stream.bindings;
  stream.restDefaultBinding = stream.defaultBinding;
  stream.restPrefixes = stream.prefixes;
  stream.restNamespaceNamesEnd = stream.namespaceNamesEnd;
  goToRest();
}

/** Between two frames, whatever was read since. All that belongs to one frame is zero then, so that equals are equal. */
export function goToRest(): void {
  const frame = offsetof<Stream>("kind");
  memory.fill(STREAM + frame, 0, STREAM_BYTES - frame);
  stream.fault = 0;
  stream.depth = 1;
  stream.namesEnd = stream.restNamesEnd;
  stream.bindings = stream.restBindings;
  stream.defaultBinding = stream.restDefaultBinding;
  stream.prefixes = stream.restPrefixes;
  stream.namespaceNamesEnd = stream.restNamespaceNamesEnd;
  stream.state = BETWEEN;
}

function isNamedStream(name: usize): bool {
  return localLength() == 6 && keyOf(localOf(name), 6) == 0x6d6165727473;
}

function localOf(name: usize): usize {
  return stream.elementColon > 0 ? name + stream.elementColon + 1 : name;
}

function localLength(): u32 {
  return stream.elementColon > 0 ? stream.elementLength - stream.elementColon - 1 : stream.elementLength;
}
