import { connect, type Socket } from "node:net";
import { RuntimeClient } from "../../src/cli/runtime-client.js";
import { isRecord } from "../support/peer.js";
import { type Chance, pause } from "./chance.js";
import { otherRules, type Stage } from "./stage.js";

/** What befalls everybody at once: reloads, operators, readers that do not read, a restart of the server. */
export class Weather {
  readonly #stage: Stage;
  readonly #chance: Chance;
  readonly #deaf: Socket[] = [];

  constructor(stage: Stage, chance: Chance) {
    this.#stage = stage;
    this.#chance = chance;
  }

  async blow(): Promise<void> {
    const chance = this.#chance;
    const stage = this.#stage;
    const beginMs = Date.now();
    let hasRestarted = !stage.options.restartsServer;
    while (!stage.isOver) {
      await pause(chance.between(200, 1200));
      if (!hasRestarted && Date.now() - beginMs > stage.options.seconds * 500) {
        hasRestarted = true;
        stage.book.count("restarts of the server");
        await stage.restartServer();
      }
      if (stage.caesura === undefined) continue;
      if (stage.caesura.peer.hasEnded) throw new Error(`Caesura ended.\n${stage.caesura.peer.tail(20)}`);
      const what = chance.weighed({ reload: stage.options.reloads ? 4 : 0, level: 1, close: 3, deaf: 2, look: 3 });
      stage.book.count(`weather ${what}`);
      await this.#happens(what);
    }
    for (const socket of this.#deaf) socket.destroy();
    if (stage.caesura !== undefined && stage.options.reloads) await stage.reload();
  }

  async #happens(what: "reload" | "level" | "close" | "deaf" | "look"): Promise<void> {
    const stage = this.#stage;
    const client = new RuntimeClient({ config: "", socket: stage.socketPath });
    switch (what) {
      case "reload":
        await stage.reload(this.#chance.oneOf(otherRules));
        return;
      case "level":
        await client.post("log-level", { level: this.#chance.oneOf(["debug", "info", "trace"] as const) });
        return;
      case "close":
        await this.#close(client);
        return;
      case "deaf":
        this.#deafen();
        return;
      case "look":
        await client.get(this.#chance.oneOf(["status", "sessions", "links", "rules", "errors"] as const));
        return;
      default:
        what satisfies never;
    }
  }

  /** An operator ends somebody's connection. */
  async #close(client: RuntimeClient): Promise<void> {
    const answer = await client.get("links");
    const rows = isRecord(answer) && Array.isArray(answer["rows"]) ? (answer["rows"] as readonly unknown[]) : [];
    const row = rows[this.#chance.below(rows.length)];
    if (!isRecord(row)) return;
    const { connection, peer } = row;
    if (typeof connection !== "string") return;
    // Answers that are pending come first.
    const withinMs = this.#stage.options.timeoutMs + 3000;
    if (typeof peer === "string") this.#stage.expectsFailure(peer.split("/", 1)[0] ?? "", withinMs);
    // It may have ended meanwhile.
    await client.post("close", { connection }).catch(() => undefined);
  }

  /** A reader of the tap, or of the status page, that does not read. */
  #deafen(): void {
    const { caesura } = this.#stage;
    if (caesura === undefined) return;
    const isTap = this.#chance.once(2);
    const socket = isTap ? connect(this.#stage.socketPath) : connect(caesura.ports.admin, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.pause();
    socket.write(`GET ${isTap ? "/api/tap?payload=true" : "/live"} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    this.#deaf.push(socket);
    if (this.#deaf.length > 4) this.#deaf.shift()?.destroy();
  }
}
