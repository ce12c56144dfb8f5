import { isSame, keyOf } from "./characters";
import { DUPLICATE_ATTRIBUTE, DUPLICATE_EXPANDED_ATTRIBUTE, UNBOUND_PREFIX } from "./faults";
import { Area, Attribute, Slot } from "./memory";
import { bindingAt, findPrefix, isSameNamespace } from "./namespaces";
import { stream } from "./stream";

// Attributes are found again by a hash table, whatever their number. It is cleared by counting up. Only a small part of it
// is used until there are many, so that it stays near at hand.

const FEW: u32 = 32;
const FEW_MASK: u32 = 63;

let epoch: u32 = 0;
let mask: u32 = FEW_MASK;

export function attributeAt(index: u32): Attribute {
  return changetype<Attribute>(Area.attributes + index * offsetof<Attribute>());
}

/** Has to be called before the first attribute of a tag is added. */
export function clearSlots(): void {
  mask = FEW_MASK;
  nextEpoch();
}

function nextEpoch(): void {
  epoch++;
  if (epoch == 0) forgetSlots();
}

/** Also what stands in memory by chance is cleared. */
export function forgetSlots(): void {
  memory.fill(Area.slots, 0, (Area.slotMask + 1) * offsetof<Slot>());
  epoch = 1;
}

/** Adds the name that was read last as an attribute. Returns a fault. */
export function addAttribute(): u32 {
  const length = stream.nameLength;
  const attribute = attributeAt(stream.attributes);
  const name = Area.attributeNames + stream.attributeNamesEnd;
  attribute.key = keyOf(name, length);
  attribute.nameOffset = stream.attributeNamesEnd;
  attribute.nameLength = length;
  attribute.colon = stream.colon;
  stream.attributeNamesEnd += length;
  if (stream.attributes == FEW) insertAll();
  return insertName(stream.attributes++) ? 0 : DUPLICATE_ATTRIBUTE;
}

/** Puts the attributes of a tag into the table again: it was packed, or they have become many. */
export function insertAll(): void {
  nextEpoch();
  mask = stream.attributes < FEW ? FEW_MASK : Area.slotMask;
  for (let index: u32 = 0; index < stream.attributes; index++) insertName(index);
}

/** XML 1.0 §3.1: false if an attribute of that name is there. */
function insertName(index: u32): bool {
  const attribute = attributeAt(index);
  const length = attribute.nameLength;
  const name = Area.attributeNames + attribute.nameOffset;
  const tail: u64 = length > 8 ? load<u64>(name + length - 8) : 0;
  let place = spread(attribute.key ^ rotl<u64>(tail, 29) ^ (length as u64));
  while (true) {
    const slot = slotAt(place);
    if (slot.epoch != epoch) {
      slot.epoch = epoch;
      slot.attribute = index;
      return true;
    }
    const other = attributeAt(slot.attribute);
    if (other.key == attribute.key && other.nameLength == length) {
      if (length <= 8 || isSame(Area.attributeNames + other.nameOffset, name, length)) return false;
    }
    place++;
  }
}

/** Namespaces in XML 1.0 §5, §6.3: each prefix is declared, and no two attributes are the same but for the prefix. */
export function resolveAttributes(): u32 {
  nextEpoch();
  for (let index: u32 = 0; index < stream.attributes; index++) {
    const attribute = attributeAt(index);
    if (attribute.colon == 0 || isDeclaration(attribute)) continue;
    const binding = findPrefix(Area.attributeNames + attribute.nameOffset, attribute.colon);
    if (binding < 0) return UNBOUND_PREFIX;
    attribute.binding = binding;
    if (stream.prefixedAttributes > 1 && !insertExpanded(index)) return DUPLICATE_EXPANDED_ATTRIBUTE;
  }
  return 0;
}

function insertExpanded(index: u32): bool {
  const attribute = attributeAt(index);
  const local = Area.attributeNames + attribute.nameOffset + attribute.colon + 1;
  const length = attribute.nameLength - attribute.colon - 1;
  const binding = bindingAt(attribute.binding);
  const tail: u64 = length > 8 ? load<u64>(local + length - 8) : 0;
  let place = spread(keyOf(local, length) ^ rotl<u64>(tail, 29) ^ (binding.nameLength as u64));
  while (true) {
    const slot = slotAt(place);
    if (slot.epoch != epoch) {
      slot.epoch = epoch;
      slot.attribute = index;
      return true;
    }
    const other = attributeAt(slot.attribute);
    if (other.nameLength - other.colon - 1 == length) {
      const otherLocal = Area.attributeNames + other.nameOffset + other.colon + 1;
      if (isSame(otherLocal, local, length) && isSameNamespace(bindingAt(other.binding), binding)) return false;
    }
    place++;
  }
}

export function isDeclaration(attribute: Attribute): bool {
  return attribute.colon == 0
    ? attribute.nameLength == 5 && attribute.key == 0x736e6c6d78
    : attribute.colon == 5 && (attribute.key & 0xffffffffff) == 0x736e6c6d78;
}

/** The prefix `xml` needs no look: it is bound to one namespace, and nothing else is bound to that one. */
export function needsResolving(attribute: Attribute): bool {
  if (attribute.colon == 0) return false;
  return !isDeclaration(attribute) && !(attribute.colon == 3 && (attribute.key & 0xffffff) == 0x6c6d78);
}

function slotAt(place: u32): Slot {
  return changetype<Slot>(Area.slots + (place & mask) * offsetof<Slot>());
}

function spread(key: u64): u32 {
  return ((key * 0x9e3779b97f4a7c15) >> 40) as u32;
}
