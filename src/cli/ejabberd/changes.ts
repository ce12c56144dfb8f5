import type { ProxyPlan } from "../proxy-plan.js";

/** What is to be changed in ejabberd, line by line. */
export function ejabberdChanges({ domains, ports }: ProxyPlan): readonly string[] {
  const delegates = domains.some(({ delegations }) => delegations.length > 0);
  const isDirect = ports.listen.some(({ tls }) => tls === "direct");
  return [
    ...(delegates ? ["- take mod_delegation out of modules"] : []),
    ...(ports.isBehind
      ? []
      : [`- listen, module ejabberd_c2s: port: ${ports.c2s}  ip: "127.0.0.1"  (and no other c2s listener)`]),
    ...(isDirect ? ["- take the listeners with tls: true out"] : []),
    "- starttls: false  starttls_required: false  (on loopback; TLS ends at Caesura)",
    ...(ports.component === undefined || ports.isBehind
      ? []
      : [`- listen, module ejabberd_service: port: ${ports.component}  ip: "127.0.0.1"`]),
  ];
}
