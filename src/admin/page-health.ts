import type { DomainView, StatusView } from "./model.js";
import { count, escape, foreign, state, type Tone } from "./page-html.js";
import type { Sample } from "./sampler.js";

/** What the sampler knows. */
export interface Recently {
  readonly last: Sample | undefined;
  /** The share of the delegated requests of the last minute that failed. */
  readonly failing: number | undefined;
}

export interface Trouble {
  readonly tone: "bad" | "warn";
  /** Text. */
  readonly text: string;
  /** The section that says more. */
  readonly at: string;
}

/** Days at which a certificate is worth a look, and at which it is urgent. */
const SOON_DAYS = 21;
const URGENT_DAYS = 7;

export function certificateTone({ certificate: { daysLeft } }: DomainView): Tone {
  if (daysLeft < URGENT_DAYS) return "bad";
  return daysLeft < SOON_DAYS ? "warn" : "none";
}

/** What is wrong now, the worst first. */
export function troublesOf(status: StatusView, { failing = 0 }: Recently): readonly Trouble[] {
  const { ready, state: phase, reasons, domains, entities, configuration } = status;
  const troubles: Trouble[] = [];
  const say = (tone: Trouble["tone"], at: string, text: string): void => void troubles.push({ tone, at, text });
  if (phase === "draining" || phase === "closed") say("warn", "drain", "draining: new clients are turned away");
  else if (!ready) say("bad", "configuration", `not ready: ${reasons.join(", ")}`);
  const all = (tone: Trouble["tone"], at: string, which: readonly string[], one: string, many: string): void => {
    if (which.length > 0)
      say(tone, at, `${which.length === 1 ? one : `${count(which.length)} ${many}`}: ${enumerated(which)}`);
  };
  const namesOf = (isOne: (domain: DomainView) => boolean): readonly string[] =>
    domains.filter(isOne).map(({ name }) => name);
  const down = entities.filter(({ up }) => !up).map(({ jid }) => jid);
  all(
    "bad",
    "domains",
    namesOf(({ server }) => server === "down"),
    "a server cannot be reached",
    "servers cannot be reached",
  );
  all(
    "bad",
    "domains",
    namesOf(({ componentPort }) => componentPort === "down"),
    "a component port cannot be reached",
    "component ports cannot be reached",
  );
  all("bad", "entities", down, "a managing entity is not connected", "managing entities are not connected");
  for (const tone of ["bad", "warn"] as const) {
    const ending = domains.filter((domain) => certificateTone(domain) === tone);
    const first = Math.min(...ending.map(({ certificate }) => certificate.daysLeft));
    const when = first < 0 ? "expired" : `left: ${days(first)}`;
    all(
      tone,
      "domains",
      ending.map(({ name }) => name),
      `a certificate ends soon (${when})`,
      `certificates end soon (${when} for the first)`,
    );
  }
  if (failing > FAILING)
    say(
      failing >= 0.5 ? "bad" : "warn",
      "rules",
      `${String(Math.round(failing * 100))} % of the delegated requests of the last minute failed`,
    );
  if (!configuration.lastReloadSucceeded)
    say("warn", "configuration", "the configuration file was refused, the one before is in use");
  return troubles.toSorted((one, other) => Number(other.tone === "bad") - Number(one.tone === "bad"));
}

function days(left: number): string {
  return left === 0 ? "less than a day" : left === 1 ? "1 day" : `${String(left)} days`;
}

/** The first ones by name, and how many there are besides. */
function enumerated(names: readonly string[]): string {
  const more = names.length - 3;
  return `${names.slice(0, 3).join(", ")}${more > 0 ? ` and ${count(more)} more` : ""}`;
}

/** As the alert CaesuraDelegationsFail, which waits for ten minutes. */
const FAILING = 0.05;

export function isFailing({ failing = 0 }: Recently): boolean {
  return failing > FAILING;
}

export function healthSection(troubles: readonly Trouble[]): string {
  if (troubles.length === 0) return `<p class="verdict good">${state("good", "All is well")}</p>`;
  const tone = troubles.some((trouble) => trouble.tone === "bad") ? "bad" : "warn";
  const named = troubles.map(
    ({ tone: own, text, at }) => `<li>${state(own, `<a href="#${at}">${foreign(text, 300)}</a>`)}</li>`,
  );
  const heading = troubles.length === 1 ? "1 problem" : `${count(troubles.length)} problems`;
  return `<p class="verdict ${tone}">${state(tone, heading)}</p><ul class="troubles">${named.join("")}</ul>`;
}

/** While the proxy is being stopped: how far it is. */
export function drainSection({ drain }: StatusView): string {
  if (drain === undefined) return "";
  const { links, clients, untold, serving, secondsLeft } = drain;
  const left = clients + serving;
  const gone = Math.max(0, links - left);
  return `<h2 id="drain-title">Draining</h2><p><progress max="${String(Math.max(links, 1))}" value="${String(gone)}" aria-labelledby="drain-title"></progress>
<b>${count(gone)} of ${count(links)}</b> connections have ended. ${count(clients)} clients are left, ${count(untold)} of them not told yet; ${count(serving)} managing entities come last.
Whoever is left in <b>${count(secondsLeft)} s</b> is cut.</p>`;
}

export function pageTitle(host: string, troubles: readonly Trouble[]): string {
  const mark = troubles.length === 0 ? "" : `(${String(troubles.length)}) `;
  return `${mark}${escape(host)} · Caesura`;
}
