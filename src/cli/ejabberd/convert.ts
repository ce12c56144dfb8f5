import { scalarText } from "../../config/index.js";
import { normaliseDomain, parseJid } from "../../xmpp/index.js";
import { planPorts } from "../proxy-plan.js";
import type { DelegationPlan, DomainPlan, Note, ProxyPlan } from "../proxy-plan.js";
import { admittedBy } from "./access.js";
import { chooseCertificate } from "./certfiles.js";
import { doorsOf, listenersOf } from "./doors.js";
import type { EjabberdListener } from "./doors.js";
import { isTrue, partOf, partsOf, placeOf, textsOf } from "./ejabberd-config.js";
import type { EjabberdConfig, Setting } from "./ejabberd-config.js";

/**
 * Makes a plan for Caesura out of a configuration of ejabberd.
 *
 * Errors  none; what is lost is a note. Without a domain the plan has none, and cannot be used.
 * Source  ejabberd 23.01: mod_delegation (`namespaces` with `access` and `filtering`), `host_config`, `ejabberd_service`.
 */
export function convertEjabberd(config: EjabberdConfig): { readonly plan: ProxyPlan; readonly notes: readonly Note[] } {
  const notes: Note[] = [...config.notes];
  const tell = (note: Note): void => void notes.push(note);
  const listeners = listenersOf(config);
  const components = componentsOf(listeners, tell);
  const shared = config.all("modules").flatMap((modules) => delegationsIn(modules, config, tell));
  const domains = hostsOf(config, tell).map(({ name, at }): DomainPlan => {
    const own = ["host_config", "append_host_config"].flatMap((option) => modulesFor(config, option, name));
    const delegations = new Map(shared.map((plan) => [plan.namespace, plan]));
    for (const plan of own.flatMap((modules) => delegationsIn(modules, config, tell))) {
      delegations.set(plan.namespace, plan);
    }
    const plans = [...delegations.values()];
    tellOfStrangers(plans, components, tell);
    const entities = plans.flatMap(({ jid }) => (parseJid(jid)?.local === undefined ? [jid] : []));
    const admitted = [...new Set([...components, ...entities])];
    return { name, ...chooseCertificate(config, name, at, tell), components: admitted, delegations: plans };
  });
  tellOfModules(config, listeners, tell);
  if (domains.length > 0 && domains.every(({ delegations }) => delegations.length === 0)) {
    const message = "No delegation was found, or none that could be carried over.";
    tell({ severity: "warning", file: config.file, line: 1, column: 1, message });
  }
  const hasComponents = domains.some((domain) => domain.components.length > 0);
  const ports = planPorts(doorsOf(listeners, tell), hasComponents);
  return { plan: { domains, ports, stanzaBytes: stanzaBytesOf(listeners, tell) }, notes };
}

type Tell = (note: Note) => void;

function hostsOf(config: EjabberdConfig, tell: Tell): readonly { readonly name: string; readonly at: Setting }[] {
  const found = new Map<string, Setting>();
  for (const setting of config.all("hosts").flatMap((hosts) => partsOf(hosts))) {
    const name = typeof setting.value === "string" ? normaliseDomain(setting.value) : undefined;
    if (name !== undefined) found.set(name, setting);
    else tell({ severity: "warning", ...placeOf(setting), message: "Not carried over: this host is no domain name." });
  }
  const hosts = [...found].map(([name, at]) => ({ name, at }));
  const real = hosts.filter(({ name }) => name !== "localhost");
  const left = real.length > 0 && real.length < hosts.length ? found.get("localhost") : undefined;
  if (left !== undefined) {
    tell({ severity: "note", ...placeOf(left), message: "localhost is left out beside real domains." });
  }
  if (hosts.length === 0 && !config.notes.some(({ severity }) => severity === "error")) {
    const message = "There is no host, and so no domain that Caesura could serve.";
    tell({ severity: "error", file: config.file, line: 1, column: 1, message });
  }
  return real.length > 0 ? real : hosts;
}

function modulesFor(config: EjabberdConfig, option: string, host: string): readonly Setting[] {
  return config
    .all(option)
    .flatMap((setting) => partsOf(setting))
    .filter(({ key }) => typeof key === "string" && normaliseDomain(key) === host)
    .flatMap((part) => partOf(part, "modules") ?? []);
}

/** What mod_delegation among these modules delegates. */
function delegationsIn(modules: Setting, config: EjabberdConfig, tell: Tell): readonly DelegationPlan[] {
  const module = partOf(modules, "mod_delegation");
  const namespaces = module && partOf(module, "namespaces");
  return namespaces === undefined ? [] : partsOf(namespaces).flatMap((part) => readDelegation(part, config, tell));
}

function readDelegation(
  part: Setting & { readonly key: string | number },
  config: EjabberdConfig,
  tell: Tell,
): readonly DelegationPlan[] {
  const namespace = String(part.key);
  const place = placeOf(part);
  const lost = (why: string, hint?: string): readonly DelegationPlan[] => {
    const message = `Not carried over: the delegation of ${namespace}: ${why}.`;
    tell({ severity: "warning", ...place, message, ...(hint === undefined ? {} : { hint }) });
    return [];
  };
  for (const { key, ...option } of partsOf(part)) {
    if (key === "access" || key === "filtering") continue;
    const message = `Not carried over: ${String(key)} of the delegation of ${namespace}.`;
    tell({ severity: "warning", ...placeOf(option), message });
  }
  const access = partOf(part, "access");
  if (access === undefined) return lost("it names no access rule, so that nobody is admitted");
  const admitted = admittedBy(access, config);
  const hint = "Name the component that manages it as jid of that delegation.";
  if (typeof admitted === "string") return lost(admitted, hint);
  const [jid, another] = admitted;
  if (jid === undefined) return lost("nobody is admitted", hint);
  if (another !== undefined) return lost(`its access rule admits ${admitted.slice(0, 5).join(" and ")}`, hint);
  const filter = partOf(part, "filtering");
  const filtering = textsOf(filter);
  // Without its filter a rule would take what it must not.
  if (filter !== undefined && filtering.length < Math.max(1, partsOf(filter).length)) {
    return lost("its filtering is no list of names");
  }
  return [{ namespace, jid, filtering, ...place }];
}

function componentsOf(listeners: readonly EjabberdListener[], tell: Tell): readonly string[] {
  const names = new Set<string>();
  for (const { module, setting } of listeners) {
    if (module !== "ejabberd_service") continue;
    const hosts = partOf(setting, "hosts") ?? partOf(setting, "host");
    if (hosts === undefined) {
      const message = "This listener admits any component; those that are delegated to are named alone.";
      tell({ severity: "note", ...placeOf(setting), message });
    }
    const written = hosts === undefined ? [] : textsOf(hosts).length > 0 ? textsOf(hosts) : keysOf(hosts);
    for (const name of written) {
      const domain = normaliseDomain(name);
      if (domain !== undefined) names.add(domain);
    }
  }
  return [...names];
}

function keysOf(setting: Setting): readonly string[] {
  return partsOf(setting).map(({ key }) => String(key));
}

function tellOfStrangers(plans: readonly DelegationPlan[], components: readonly string[], tell: Tell): void {
  for (const { namespace, jid, file, line, column } of plans) {
    if (components.includes(jid) || parseJid(jid)?.local !== undefined) continue;
    tell({
      severity: "warning",
      file,
      line,
      column,
      message: `${namespace} is delegated to ${jid}, which no ejabberd_service of these files names.`,
      hint: `Name it in the hosts of the listener for components: ${jid}: { password: … }`,
    });
  }
}

function tellOfModules(config: EjabberdConfig, listeners: readonly EjabberdListener[], tell: Tell): void {
  for (const { module, setting } of listeners) {
    const handlers = partOf(setting, "request_handlers");
    const web = handlers === undefined ? [] : partsOf(handlers);
    for (const { value, key: _, ...handler } of web) {
      if (value !== "mod_bosh" && value !== "ejabberd_http_bind" && value !== "ejabberd_http_ws") continue;
      const way = value === "ejabberd_http_ws" ? "WebSocket" : "BOSH";
      tell({
        severity: "warning",
        ...placeOf({ value, ...handler }),
        message: `Clients that come through ${way} (${value}) do not pass Caesura, and their requests are not delegated.`,
        hint: "Take the handler out, or close its port to the outside.",
      });
    }
    if (module === "ejabberd_http" && isTrue(partOf(setting, "http_bind"))) {
      const message = "Clients that come through BOSH do not pass Caesura, and their requests are not delegated.";
      tell({ severity: "warning", ...placeOf(setting), message });
    }
  }
  const privilege = config.all("modules").flatMap((modules) => partOf(modules, "mod_privilege") ?? [])[0];
  if (privilege !== undefined) {
    const message = "mod_privilege stays in ejabberd, and goes on working through Caesura.";
    tell({ severity: "note", ...placeOf(privilege), message });
  }
}

function stanzaBytesOf(listeners: readonly EjabberdListener[], tell: Tell): number | undefined {
  for (const { module, setting } of listeners) {
    const size = module === "ejabberd_c2s" ? partOf(setting, "max_stanza_size") : undefined;
    if (size === undefined || size.value === "infinity") continue;
    const bytes = Number(scalarText(size.value));
    if (Number.isInteger(bytes) && bytes >= 10_000 && bytes <= 64 * 1024 * 1024) return bytes;
    const message = "Not carried over: max_stanza_size is below 10 000 bytes (RFC 6120 §13.12), or far too large.";
    tell({ severity: "warning", ...placeOf(size), message });
  }
  return undefined;
}
