/**
 * A bug of ours: a function was called against its contract. Never thrown because of what a peer or an operator wrote,
 * and never caught below the composition root.
 */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
