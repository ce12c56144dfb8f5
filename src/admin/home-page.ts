import { escape } from "./page-html.js";

/** Whether new clients should be sent here, and if not, why. */
export interface Readiness {
  readonly ready: boolean;
  /** Stable words, e.g. `draining`; empty when ready. */
  readonly reasons: readonly string[];
}

/** The page for a person who opens the administration port in a browser. No script, nothing from elsewhere. */
export function homePage(version: string, { ready, reasons }: Readiness): string {
  const state = ready ? "ready" : `not ready: ${reasons.join(", ")}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Caesura</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="status.css">
</head>
<body>
<h1>Caesura ${escape(version)}</h1>
<p>A transparent XMPP stream proxy that gives the server behind it namespace delegation (XEP-0355).</p>
<p>This proxy is <strong>${escape(state)}</strong>.</p>
<dl>
<dt><a href="/metrics">/metrics</a></dt><dd>numbers for Prometheus</dd>
<dt><a href="/livez">/livez</a></dt><dd>the process runs</dd>
<dt><a href="/readyz">/readyz</a></dt><dd>whether new clients should come here, and why not</dd>
</dl>
<p>What is going on in it names users. It is shown on loopback, and elsewhere with the token of <code>admin.tokenFile</code>.</p>
</body>
</html>
`;
}
