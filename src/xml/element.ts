/** A node of the tree in normal form, as `parseElement` makes it. */
export { Element } from "ltx";
