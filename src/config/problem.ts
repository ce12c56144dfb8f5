/** One thing that is wrong with a configuration, for a person. Never contains a secret. */
export interface Problem {
  /** An `error` keeps the configuration from being used; a `warning` does not. */
  readonly severity: "error" | "warning";
  /** Where in the document, e.g. `domains."capulet.lit".tls.cert`; empty for the document as a whole. */
  readonly path: string;
  /** The configuration file, as it was named. */
  readonly file: string;
  /** Both count from 1; a column counts characters (UTF-16 units). */
  readonly line: number;
  readonly column: number;
  /** Stable, kebab-case. */
  readonly code: string;
  readonly message: string;
  /** What to do about it, if there is something to say. */
  readonly hint?: string;
}

/** What `loadConfig` hands back. */
export type LoadedConfig<Configuration> =
  | { readonly ok: true; readonly config: Configuration; readonly warnings: readonly Problem[] }
  /** All problems at once, warnings included, in the order of the file; at least one is an error. */
  | { readonly ok: false; readonly problems: readonly Problem[] };
