/**
 * One namespace that one user has delegated (XEP-0355 §5.1). A user has one managing entity for a namespace at a time, so
 * account and namespace name a grant.
 */
export interface Grant {
  /** The user's bare JID, as the server bound it. */
  readonly account: string;
  readonly namespace: string;
  /** The managing entity: a component's domain, or another user's bare JID; prepared for comparing. */
  readonly entity: string;
  /** Milliseconds since the epoch. */
  readonly grantedAtMs: number;
}

/** A change of what one user has delegated. A `put` takes the place of an earlier grant of the same namespace. */
export type GrantChange =
  | { readonly kind: "put"; readonly grant: Grant }
  | { readonly kind: "remove"; readonly account: string; readonly namespace: string };
