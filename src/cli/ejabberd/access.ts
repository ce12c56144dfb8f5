import { parseJid } from "../../xmpp/index.js";
import { partsOf, textsOf } from "./ejabberd-config.js";
import type { EjabberdConfig, Setting } from "./ejabberd-config.js";

/** Whom an access rule admits, as far as that is a list of domains; a sentence without its full stop otherwise. */
export type Admitted = readonly string[] | string;

const maxDepth = 8;

/**
 * The components that an access rule of mod_delegation admits. mod_delegation names no entity: whoever connects and is
 * admitted by the rule becomes the managing entity, where Caesura wants its JID.
 *
 * Source  ejabberd 23.01, `acl.erl`: access rules are lists of `allow: ACL` and `deny: ACL`, the first that fits counts; an
 *         ACL is the name of one, or conditions such as `server: DOMAIN`.
 */
export function admittedBy(access: Setting, config: EjabberdConfig): Admitted {
  return readRule(access, config, 0);
}

function readRule(access: Setting, config: EjabberdConfig, depth: number): Admitted {
  const { value } = access;
  if (depth > maxDepth) return "its access rules go round in a circle";
  if (typeof value === "string") {
    if (value === "all") return "everybody who connects is admitted";
    if (value === "none") return "nobody is admitted";
    const rules = [...named("access_rules", value, config), ...named("access", value, config)];
    if (rules.length === 0) return `there is no access rule ${JSON.stringify(value)}`;
    return together(rules.map((rule) => readRule(rule, config, depth + 1)));
  }
  const parts = linesOf(access);
  if (parts.length === 0) return "its access rule is empty";
  const lastAllow = parts.findLastIndex(({ key }) => key === "allow");
  return together(
    parts.map((part, index): Admitted => {
      // What is denied behind an allow of single components takes nothing away from them.
      if (part.key === "deny") return index < lastAllow ? "it denies somebody first" : [];
      if (part.key === "allow") return readAcl(part, config, depth + 1);
      return readRule(part, config, depth + 1);
    }),
  );
}

type Part = ReturnType<typeof partsOf>[number];

/** The lines of a rule, whether it is a mapping or a list of mappings; other parts of a list are names or conditions. */
function linesOf(rule: Setting): readonly Part[] {
  return partsOf(rule).flatMap((part) => {
    if (typeof part.key !== "number") return [part];
    const lines = partsOf(part).filter(({ key }) => key === "allow" || key === "deny");
    return lines.length > 0 ? lines : [part];
  });
}

function readAcl(acl: Setting, config: EjabberdConfig, depth: number): Admitted {
  const { value } = acl;
  if (depth > maxDepth) return "its access rules go round in a circle";
  if (typeof value === "string") {
    if (value === "all") return "everybody who connects is admitted";
    const lists = named("acl", value, config);
    if (lists.length === 0) return `there is no acl ${JSON.stringify(value)}`;
    return together(lists.map((list) => readAcl(list, config, depth + 1)));
  }
  return together(
    partsOf(acl).map((part): Admitted => {
      if (typeof part.key === "number") return readAcl(part, config, depth + 1);
      if (part.key === "acl") return readAcl(part, config, depth + 1);
      if (part.key !== "server" && part.key !== "user")
        return `it goes by ${JSON.stringify(part.key)}, not by a domain`;
      const names = namesOf(part);
      const domains = names.map((name) => parseJid(name)).filter((jid) => jid !== undefined);
      if (names.length === 0 || domains.length < names.length) return `its ${part.key} is no list of addresses`;
      return domains.map((jid) => (jid.local === undefined ? jid.domain : jid.bare()));
    }),
  );
}

function named(option: string, name: string, config: EjabberdConfig): readonly Setting[] {
  return config.all(option).flatMap((setting) => partsOf(setting).filter(({ key }) => key === name));
}

/** `server: x`, `server: [x, y]`, and the older `server: { x: … }`. */
function namesOf(setting: Setting): readonly string[] {
  const texts = textsOf(setting);
  if (texts.length > 0) return texts;
  return partsOf(setting).flatMap(({ key }) => (typeof key === "string" ? [key] : []));
}

function together(parts: readonly Admitted[]): Admitted {
  const reason = parts.find((part) => typeof part === "string");
  if (reason !== undefined) return reason;
  return [...new Set(parts.flatMap((part) => (typeof part === "string" ? [] : part)))];
}
