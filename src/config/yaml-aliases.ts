import { isAlias, isCollection, isNode, isPair, visit } from "yaml";
import type { Alias, Document } from "yaml";
import type { PlacedComplaint } from "./yaml-syntax.js";

// More than any sensible file has.
const maxAliases = 100;
const maxNodes = 20_000;
const maxDepth = 100;

/** What a tree becomes once its aliases are replaced. */
interface Extent {
  readonly nodes: number;
  readonly depth: number;
}

/** What is wrong with the aliases of a document, so that afterwards each can be put in place of what it stands for. */
export function checkAliases(document: Document.Parsed): readonly PlacedComplaint[] {
  const told: PlacedComplaint[] = [];
  const complain = (alias: Alias, message: string, hint?: string): void => {
    told.push({ offset: alias.range?.[0] ?? 0, complaint: { code: "yaml-alias", message, hint } });
  };
  const extents = new Map<unknown, Extent>();
  let aliases = 0;
  let nodes = 0;
  visit(document, {
    Alias: (_, alias) => {
      aliases += 1;
      const target = alias.resolve(document);
      if (aliases === maxAliases + 1) complain(alias, `More than ${String(maxAliases)} aliases in one file.`);
      if (target === undefined) complain(alias, `There is no anchor &${alias.source} above this alias.`);
      else if (contains(target, alias)) complain(alias, `The anchor &${alias.source} contains itself.`);
      if (told.length > 0) return visit.BREAK;
      const extent = unfolded(target, document, extents);
      nodes += extent.nodes;
      if (nodes <= maxNodes && extent.depth <= maxDepth) return undefined;
      const hint = "Aliases that stand for aliases multiply; write out what is meant.";
      complain(alias, "The aliases up to here stand for more than any configuration holds.", hint);
      return visit.BREAK;
    },
  });
  return told;
}

/** Anchors stand above their aliases, and contain none of them: so it ends. */
function unfolded(tree: unknown, document: Document.Parsed, extents: Map<unknown, Extent>): Extent {
  const known = extents.get(tree);
  if (known !== undefined) return known;
  let [nodes, depth] = [1, 1];
  const parts = isAlias(tree)
    ? [tree.resolve(document)]
    : isPair(tree)
      ? [tree.key, tree.value]
      : isCollection(tree)
        ? tree.items
        : [];
  for (const part of parts) {
    const extent = unfolded(part, document, extents);
    nodes += extent.nodes;
    depth = Math.max(depth, extent.depth + 1);
  }
  extents.set(tree, { nodes, depth });
  return { nodes, depth };
}

function contains(tree: unknown, wanted: Alias): boolean {
  let found = false;
  if (!isNode(tree)) return found;
  visit(tree, {
    Alias: (_, alias) => {
      if (alias !== wanted) return undefined;
      found = true;
      return visit.BREAK;
    },
  });
  return found;
}
