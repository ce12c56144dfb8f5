import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withDeadline } from "./deadline.js";
import { findProgram, freePort, isRecord, Peer, temporaryFolder } from "./peer.js";

/** What Prometheus answered to a query. */
export interface Answer {
  readonly status: string;
  readonly error: string;
  readonly warnings: readonly unknown[];
  /** Series that it found. */
  readonly series: number;
}

/** Debian's Prometheus, scraping one target as the job `caesura` ten times a second. */
export class Prometheus {
  readonly peer: Peer;
  readonly #address: string;

  private constructor(peer: Peer, port: number) {
    this.peer = peer;
    this.#address = `http://127.0.0.1:${String(port)}`;
  }

  static async start(targetPort: number, rulesFile: string): Promise<Prometheus> {
    const folder = temporaryFolder("prometheus");
    const port = await freePort();
    copyFileSync(rulesFile, join(folder, "rules.yml"));
    const config = join(folder, "prometheus.yml");
    // YAML holds JSON.
    writeFileSync(
      config,
      JSON.stringify({
        global: { scrape_interval: "500ms", scrape_timeout: "400ms", evaluation_interval: "500ms" },
        rule_files: ["rules.yml"],
        scrape_configs: [{ job_name: "caesura", static_configs: [{ targets: [`127.0.0.1:${String(targetPort)}`] }] }],
      }),
    );
    const peer = await Peer.start({
      name: "Prometheus",
      command: findProgram("prometheus") ?? "prometheus",
      args: [
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        `--web.listen-address=127.0.0.1:${String(port)}`,
      ],
      folder,
      isReady: (log) => log.includes("Server is ready to receive web requests"),
    });
    return new Prometheus(peer, port);
  }

  /** Evaluates an expression as of now. */
  async query(expression: string): Promise<Answer> {
    const body = new URLSearchParams({ query: expression });
    const response = await fetch(`${this.#address}/api/v1/query`, { method: "POST", body });
    const answer: unknown = await response.json();
    if (!isRecord(answer)) throw new Error("Prometheus answers no object");
    const { status, error, warnings, data } = answer;
    const result = isRecord(data) && Array.isArray(data["result"]) ? data["result"] : [];
    return {
      status: String(status),
      error: typeof error === "string" ? error : "",
      warnings: Array.isArray(warnings) ? warnings : [],
      series: result.length,
    };
  }

  /** Waits until an expression finds something. */
  async until(expression: string): Promise<void> {
    const found = (async () => {
      while ((await this.query(expression)).series === 0) await new Promise((resolve) => setTimeout(resolve, 100));
    })();
    await withDeadline(found, 20_000, () => `${expression} finds nothing.\n${this.peer.tail()}`);
  }

  /** What the rules came to: name → `ok`, or the error of the last evaluation. */
  async ruleHealth(): Promise<ReadonlyMap<string, string>> {
    const answer: unknown = await (await fetch(`${this.#address}/api/v1/rules`)).json();
    const data = isRecord(answer) ? answer["data"] : undefined;
    const groups = isRecord(data) && Array.isArray(data["groups"]) ? data["groups"] : [];
    const health = new Map<string, string>();
    for (const group of groups) {
      const rules: unknown = isRecord(group) ? group["rules"] : undefined;
      for (const rule of Array.isArray(rules) ? rules : []) {
        if (!isRecord(rule)) continue;
        const { name, health: state, lastError } = rule;
        health.set(String(name), state === "ok" ? "ok" : `${String(state)}: ${String(lastError)}`);
      }
    }
    return health;
  }

  async stop(): Promise<void> {
    await this.peer.stop();
  }
}
