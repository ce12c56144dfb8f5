// Changes what has changed and leaves the rest: what is selected, focused, scrolled or opened stays so.

/** Makes the content of `element` what `html` says. Caesura made it and has escaped what it shows; the policy runs no script in it. */
export function patch(element, html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const focused = document.activeElement;
  patchChildren(element, template.content);
  // A row that moved has lost it on its way.
  if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}

function patchChildren(old, fresh) {
  const keyed = new Map();
  const wanted = new Set([...fresh.children].map(keyOf));
  for (const child of snapshot(old.children)) {
    const key = keyOf(child);
    if (key === undefined) continue;
    if (wanted.has(key)) keyed.set(key, child);
    else child.remove();
  }
  let at = old.firstChild;
  for (const next of snapshot(fresh.childNodes)) {
    const key = keyOf(next);
    const match = key === undefined ? (isLike(at, next) ? at : undefined) : keyed.get(key);
    if (match === undefined) {
      old.insertBefore(next, at);
      continue;
    }
    keyed.delete(key);
    if (match === at) at = at.nextSibling;
    else old.insertBefore(match, at);
    patchNode(match, next);
  }
  while (at !== null) {
    const after = at.nextSibling;
    at.remove();
    at = after;
  }
}

function patchNode(old, next) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== next.data) old.data = next.data;
    return;
  }
  for (const { name } of snapshot(old.attributes)) if (!next.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  if (!old.isEqualNode(next)) patchChildren(old, next);
}

/** Of a collection that changes with the document. */
function snapshot(collection) {
  return Array.from(collection);
}

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.dataset.key : undefined;
}

function isLike(old, next) {
  return old !== null && old.nodeName === next.nodeName && keyOf(old) === undefined;
}
