import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseJid } from "../../xmpp/index.js";
import { keyBeside, planPorts } from "../proxy-plan.js";
import { describe, Options } from "./options.js";
import { doorsOf } from "./ports.js";
import type { DelegationPlan, DomainPlan, Note, ProxyPlan } from "../proxy-plan.js";
import type { Option, ProsodyConfig, Section } from "./prosody-config.js";
import type { LuaField, LuaValue } from "./lua-reader.js";

/**
 * Makes a plan for Caesura out of a configuration of Prosody.
 *
 * Errors  none; what is lost is a note. Without a domain the plan has none, and cannot be used.
 */
export function convert(prosody: ProsodyConfig): { readonly plan: ProxyPlan; readonly notes: readonly Note[] } {
  const notes: Note[] = [...prosody.notes];
  const conversion = new Conversion(prosody, (note) => notes.push(note));
  return { plan: conversion.plan(), notes };
}

class Conversion {
  readonly #prosody: ProsodyConfig;
  readonly #tell: (note: Note) => void;
  readonly #options: Options;

  constructor(prosody: ProsodyConfig, tell: (note: Note) => void) {
    this.#prosody = prosody;
    this.#tell = tell;
    this.#options = new Options(prosody.global, tell);
  }

  plan(): ProxyPlan {
    const components = this.#prosody.sections.filter(
      ({ kind, module, options }) => kind === "component" && module === undefined && isEnabled(options),
    );
    const hosts = this.#hosts();
    const shared = this.#delegations(this.#prosody.global.get("delegations"));
    const domains = hosts.map((host): DomainPlan => {
      const own = host.options.get("delegations");
      const delegations = own === undefined ? shared : this.#delegations(own);
      const more = components.flatMap((component) => this.#ofComponent(component, host, delegations));
      return this.#domain(host, [...delegations, ...more], components);
    });
    this.#tellOfComponents(components, hosts);
    this.#tellOfModules(domains);
    const hasComponents = components.length > 0 || domains.some(({ delegations }) => delegations.length > 0);
    return { domains, ports: planPorts(doorsOf(this.#options), hasComponents), stanzaBytes: this.#stanzaBytes() };
  }

  #hosts(): readonly Section[] {
    const hosts = this.#prosody.sections.filter(({ kind, name }) => kind === "host" && name !== "");
    const enabled = hosts.filter((host) => {
      if (isEnabled(host.options)) return true;
      this.#tell({ severity: "note", ...placeOf(host), message: `${host.name} is switched off, and left out.` });
      return false;
    });
    const real = enabled.filter(({ name }) => name !== "localhost");
    if (real.length > 0) {
      for (const host of enabled.filter((one) => !real.includes(one))) {
        this.#tell({ severity: "note", ...placeOf(host), message: "localhost is left out beside real domains." });
      }
      return real;
    }
    if (enabled.length === 0) {
      const message = "There is no VirtualHost, and so no domain that Caesura could serve.";
      this.#tell({ severity: "error", file: this.#prosody.file, line: 1, column: 1, message });
    }
    return enabled;
  }

  #domain(host: Section, delegations: readonly DelegationPlan[], components: readonly Section[]): DomainPlan {
    const names = new Set(components.map(({ name }) => name));
    for (const { jid, namespace, ...place } of delegations) {
      const entity = parseJid(jid);
      // A domain of the server itself is refused later, with the rest of what Caesura does not take.
      if (entity === undefined || entity.local !== undefined || names.has(entity.domain)) continue;
      if (this.#prosody.sections.some(({ kind, name }) => kind === "host" && name === entity.domain)) continue;
      names.add(entity.domain);
      const inside = this.#prosody.sections.find(({ name, kind }) => kind === "component" && name === entity.domain);
      const [what, hint] =
        inside === undefined
          ? [
              "which is no Component here; Prosody will refuse it.",
              `Add Component "${entity.domain}" and its component_secret to the configuration of Prosody.`,
            ]
          : [
              `which Prosody makes itself of a module (${inside.module ?? "switched off"}); it never connects to Caesura.`,
              "Take a managing entity that connects as an external component, or leave the namespace to Prosody.",
            ];
      const message = `${namespace} is delegated to ${entity.domain}, ${what}`;
      this.#tell({ severity: "warning", ...place, message, hint });
    }
    return { name: host.name, ...this.#certificate(host), components: [...names], delegations };
  }

  /** A table that stands in the section of a component is meant for the accounts of its domain. */
  #ofComponent(component: Section, host: Section, known: readonly DelegationPlan[]): readonly DelegationPlan[] {
    if (!component.name.endsWith(`.${host.name}`)) return [];
    return this.#delegations(component.options.get("delegations")).filter(
      ({ namespace }) => !known.some((one) => one.namespace === namespace),
    );
  }

  #tellOfComponents(components: readonly Section[], hosts: readonly Section[]): void {
    for (const { name, options } of components) {
      const option = options.get("delegations");
      if (option === undefined) continue;
      const isOfHost = hosts.some((host) => name.endsWith(`.${host.name}`));
      const message = isOfHost
        ? `These delegations stand in the section of ${name}; they are taken for the domain above it.`
        : `Not carried over: these delegations stand in the section of ${name}, which is below no domain here.`;
      this.#tell({ severity: isOfHost ? "note" : "warning", ...placeOf(option), message });
    }
  }

  readonly #read = new Map<Option, readonly DelegationPlan[]>();

  #delegations(option: Option | undefined): readonly DelegationPlan[] {
    if (option === undefined) return [];
    const known = this.#read.get(option);
    if (known !== undefined) return known;
    const plans = this.#readDelegations(option);
    this.#read.set(option, plans);
    return plans;
  }

  #readDelegations({ file, value }: Option): readonly DelegationPlan[] {
    const lost = (at: LuaValue["at"], message: string, hint?: string): readonly DelegationPlan[] => {
      this.#tell({ severity: "warning", file, ...at, message: `Not carried over: ${message}.`, ...(hint && { hint }) });
      return [];
    };
    if (value.kind !== "table") return lost(value.at, `delegations is ${describe(value)}, not a table`);
    const plans = new Map<string, DelegationPlan>();
    for (const { key, value: entry } of value.fields) {
      const at = key?.at ?? entry.at;
      if (key?.kind !== "string") lost(at, `a delegation whose namespace is ${key ? describe(key) : "missing"}`);
      else if (entry.kind !== "table") lost(at, `the delegation of ${key.value} is ${describe(entry)}, not a table`);
      else {
        const plan = this.#delegation(file, key.value, at, entry.fields, lost);
        if (plan !== undefined) plans.set(key.value, plan);
      }
    }
    return [...plans.values()];
  }

  #delegation(
    file: string,
    namespace: string,
    at: LuaValue["at"],
    fields: readonly LuaField[],
    lost: (at: LuaValue["at"], message: string, hint?: string) => unknown,
  ): DelegationPlan | undefined {
    let jid: string | undefined;
    let filtering: readonly string[] | undefined = [];
    for (const { key, value } of fields) {
      const name = key?.kind === "string" ? key.value : undefined;
      if (name === "jid" && value.kind === "string") jid = value.value;
      else if (name === "jid") return void lost(value.at, `the jid of ${namespace} is ${describe(value)}`);
      else if (name === "filtering") filtering = textsOf(value);
      else lost(value.at, `${name === undefined ? "a field without a name" : name} in the delegation of ${namespace}`);
      // Without its filter a rule would take what it must not.
      if (filtering === undefined) return void lost(value.at, `${namespace}, whose filtering is no list of names`);
    }
    if (jid === undefined) return void lost(at, `the delegation of ${namespace} names no jid`);
    return { namespace, jid, filtering, file, ...at };
  }

  /** As Prosody finds them: `ssl`, `certificate`, or by name in the folder `certificates` (`core/certmanager.lua`). */
  #certificate({ name, options }: Section): Pick<DomainPlan, "cert" | "key"> {
    const folder = dirname(this.#prosody.file);
    const ssl = options.get("ssl") ?? this.#prosody.global.get("ssl");
    if (ssl?.value.kind === "table") {
      const [cert, key] = ["certificate", "key"].map((wanted) => fieldOf(ssl.value, wanted));
      if (cert?.kind === "string" && key?.kind === "string") {
        return { cert: resolve(folder, cert.value), key: resolve(folder, key.value) };
      }
    }
    const named = this.#options.text("certificate", options);
    if (named !== undefined) {
      const cert = resolve(folder, named);
      return { cert, key: keyBeside(cert) };
    }
    const certificates = resolve(folder, this.#options.text("certificates") ?? "certs");
    const candidates = [join(certificates, name, "fullchain.pem"), join(certificates, `${name}.crt`)];
    const cert = candidates.find((path) => existsSync(path)) ?? join(certificates, `${name}.crt`);
    return { cert, key: keyBeside(cert) };
  }

  #stanzaBytes(): number | undefined {
    const option = this.#prosody.global.get("c2s_stanza_size_limit");
    const bytes = this.#options.number("c2s_stanza_size_limit");
    if (option === undefined || bytes === undefined) return undefined;
    if (Number.isInteger(bytes) && bytes >= 10_000 && bytes <= 64 * 1024 * 1024) return bytes;
    const message =
      "Not carried over: c2s_stanza_size_limit is below 10 000 bytes (RFC 6120 §13.12), or far too large.";
    this.#tell({ severity: "warning", ...placeOf(option), message });
    return undefined;
  }

  #tellOfModules(domains: readonly DomainPlan[]): void {
    const lists = [this.#prosody.global, ...this.#prosody.sections.map(({ options }) => options)];
    const enabled = new Map<string, Option>();
    for (const options of lists) {
      const option = options.get("modules_enabled");
      if (option?.value.kind !== "table") continue;
      for (const { value } of option.value.fields) {
        if (value.kind === "string") enabled.set(value.value, { ...option, at: value.at });
      }
    }
    for (const name of ["bosh", "websocket"]) {
      const option = enabled.get(name);
      if (option === undefined) continue;
      const message = `Clients that come through mod_${name} do not pass Caesura, and their requests are not delegated.`;
      const hint = "Take the module out, or close its port to the outside (http_interfaces, https_interfaces).";
      this.#tell({ severity: "warning", ...placeOf(option), message, hint });
    }
    const privileged = lists
      .map((options) => options.get("privileged_entities"))
      .find((option) => option !== undefined);
    if (privileged !== undefined) {
      const message = "privileged_entities stays in Prosody: mod_privilege goes on working through Caesura.";
      this.#tell({ severity: "note", ...placeOf(privileged), message });
    }
    for (const options of lists) {
      for (const [name, option] of options) {
        if (!name.startsWith("delegation") || name === "delegations") continue;
        this.#tell({
          severity: "warning",
          ...placeOf(option),
          message: `Not carried over: ${name} is not known here.`,
        });
      }
    }
    const table = lists.map((options) => options.get("delegations")).find((option) => option !== undefined);
    if (
      table !== undefined &&
      !enabled.has("delegation") &&
      !this.#prosody.notes.some(({ severity }) => severity === "error")
    ) {
      const message =
        "No modules_enabled names mod_delegation, so Prosody did nothing with this; it is carried over all the same.";
      this.#tell({ severity: "note", ...placeOf(table), message });
    }
    if (domains.length > 0 && domains.every(({ delegations }) => delegations.length === 0)) {
      const message = "No delegation was found, or none that could be carried over.";
      this.#tell({ severity: "warning", file: this.#prosody.file, line: 1, column: 1, message });
    }
  }
}

function isEnabled(options: ReadonlyMap<string, Option>): boolean {
  const value = options.get("enabled")?.value;
  return !(value?.kind === "boolean" && !value.value);
}

function placeOf({ file, at }: Pick<Option, "file" | "at">): Pick<Note, "file" | "line" | "column"> {
  return { file, ...at };
}

function fieldOf(table: LuaValue, name: string): LuaValue | undefined {
  if (table.kind !== "table") return undefined;
  return table.fields.findLast(({ key }) => key?.kind === "string" && key.value === name)?.value;
}

/** A list of texts, or one text; undefined for anything else. */
function textsOf(value: LuaValue): readonly string[] | undefined {
  if (value.kind === "string") return [value.value];
  if (value.kind !== "table") return undefined;
  const texts = value.fields.map((field) => (field.value.kind === "string" ? field.value.value : undefined));
  const known = texts.filter((text) => text !== undefined);
  return known.length === texts.length ? known : undefined;
}
