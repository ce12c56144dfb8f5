/** What a managing entity is told of a delegation. */
export interface DelegatedNamespace {
  readonly namespace: string;
  readonly filtering: readonly string[];
}

export function advertisement(
  _domain: string,
  _entity: string,
  _rules: readonly DelegatedNamespace[],
  _id: string,
): Buffer {
  throw new Error("not written yet");
}
