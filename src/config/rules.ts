import { resolve } from "node:path";
import { normaliseDomain } from "../xmpp/index.js";
import { proveClientMode } from "./client-mode.js";
import type { ClientModeConfig, DelegationConfig, LimitsConfig } from "./config.js";
import { proveDelegations } from "./delegations.js";
import { ConfigDocument } from "./document.js";
import { readTextFile } from "./files.js";
import { complainAboutIssues } from "./issues.js";
import { maxFileBytes, proveLimits, unreadable } from "./load.js";
import type { LoadedConfig } from "./problem.js";
import { configSchema } from "./schema.js";
import { asRecord } from "./shape.js";
import { Source } from "./source.js";

/** What decides about a stanza, and nothing else of a configuration. */
export interface RulesConfig {
  readonly domains: readonly RulesDomain[];
  readonly limits: LimitsConfig;
}

export interface RulesDomain {
  /** Normalised: A-labels, lower case. */
  readonly name: string;
  readonly delegations: readonly DelegationConfig[];
  /** What users may delegate themselves; undefined if nothing. */
  readonly clientMode: ClientModeConfig | undefined;
  /** True if component links end at Caesura. */
  readonly endsComponentLinks: boolean;
}

/**
 * Reads the rules of a configuration file. Certificates, keys and secrets are not looked at, so that rules can be
 * explained and tested where those may not be read: by another user, on another machine.
 *
 * Errors  never throws on what an operator wrote; a breach of the schema anywhere in the file is a problem all the same.
 */
export function loadRules(file: string): LoadedConfig<RulesConfig> {
  const read = readTextFile(resolve(file), maxFileBytes);
  if (!read.ok) return { ok: false, problems: [unreadable(file, read)] };
  const document = new ConfigDocument(new Source(file, read.file.text.replace(/^\u{feff}/u, "")));
  if (document.value === undefined) return { ok: false, problems: document.problems };
  const shape = configSchema.safeParse(document.value);
  if (!shape.success) complainAboutIssues(document, shape.error.issues);
  const fields = asRecord(document.value) ?? {};
  const domains = Object.entries(asRecord(fields["domains"]) ?? {}).flatMap(([written, raw]) => {
    const name = normaliseDomain(written);
    const domain = asRecord(raw);
    if (domain === undefined) return [];
    const delegations = proveDelegations(document, ["domains", written, "delegations"], domain["delegations"], name);
    if (name !== undefined) {
      const at = ["domains", written, "clientMode"];
      const clientMode = proveClientMode(document, at, domain["clientMode"], delegations);
      const endsComponentLinks = asRecord(domain["server"])?.["component"] === undefined;
      return [{ name, delegations, clientMode, endsComponentLinks }];
    }
    const message = `${JSON.stringify(written)} is no domain name.`;
    document.complain(["domains", written], { code: "invalid-domain", message }, "key");
    return [];
  });
  const limits = proveLimits(document, fields["limits"]);
  const { problems } = document;
  if (document.hasErrors || limits === undefined) return { ok: false, problems };
  return { ok: true, config: { domains, limits }, warnings: problems };
}
