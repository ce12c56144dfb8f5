/** What was found out by asking. An `error` means that Caesura could not work like that. */
export interface Finding {
  readonly severity: "error" | "warning" | "note";
  readonly domain: string;
  readonly port: "c2s" | "component";
  readonly message: string;
  readonly hint?: string;
}

/** A finding before it is known where. */
export type Judgement = Pick<Finding, "severity" | "message" | "hint">;
