import { AdminServer, Live, type ProxyModel, type Sample, type Samples } from "../../src/admin/index.js";
import type { Controls } from "../../src/admin/index.js";
import { Secret } from "../../src/config/index.js";
import { parts } from "../admin/rig.js";
import { pageModel } from "./page-model.js";

export interface PageSceneOptions {
  readonly model?: ProxyModel;
  readonly token?: string;
  /** What an operator did. */
  readonly done?: string[];
  readonly reload?: Controls["reload"];
  readonly version?: string;
}

/** The status page of a proxy that is made up, with samples that come when the test wants them. */
export class PageScene {
  model: ProxyModel;
  readonly refused: string[] = [];
  /** The last minutes as the plots have them; a gap of forty seconds is in it. */
  readonly #history = madeUp();
  readonly #options: PageSceneOptions;
  readonly #listeners = new Set<(sample: Sample) => void>();
  #server: AdminServer;
  #port = 0;

  private constructor(options: PageSceneOptions) {
    this.#options = options;
    this.model = options.model ?? pageModel();
    this.#server = this.#make();
  }

  static async open(options: PageSceneOptions = {}): Promise<PageScene> {
    const scene = new PageScene(options);
    await scene.start();
    return scene;
  }

  get address(): string {
    return `http://127.0.0.1:${String(this.#port)}/`;
  }

  get readers(): number {
    return this.#listeners.size;
  }

  /** Two seconds are over. */
  sample(): void {
    const last = lastOf(this.#history);
    for (const [name, column] of Object.entries(this.#history)) {
      column.push(name === "at" ? Date.now() / 1000 : (column.at(-1) ?? null));
    }
    for (const listener of this.#listeners) listener({ ...last, at: Date.now() / 1000 });
  }

  /** At the port of before, if there was one. */
  async start(version?: string): Promise<void> {
    this.#server = this.#make(version);
    await this.#server.open("127.0.0.1", this.#port);
    this.#port = this.#server.address?.port ?? 0;
  }

  async stop(): Promise<void> {
    await this.#server.close();
  }

  #make(version = this.#options.version ?? "1.2.3"): AdminServer {
    const { token, done = [], reload } = this.#options;
    const history = this.#history;
    const sampler = {
      get last() {
        return lastOf(history);
      },
      failing: undefined,
      history: (_seconds?: number, after = 0) => behind(history, after),
      listen: (listener: (sample: Sample) => void) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    };
    const model: ProxyModel = {
      status: () => ({ ...this.model.status(), version }),
      sessions: (query) => this.model.sessions(query),
      links: (query) => this.model.links(query),
      rules: () => this.model.rules(),
      grants: (query) => this.model.grants(query),
      errors: () => this.model.errors(),
    };
    return new AdminServer(
      parts({
        model,
        version,
        sampler,
        live: new Live({ model, version, sampler, refused: (reason) => this.refused.push(reason) }),
        refused: (reason) => this.refused.push(reason),
        token: () => (token === undefined ? undefined : new Secret(token)),
        controls: {
          close: (connection) => done.push(`close ${connection}`) > 0,
          drain: () => done.push("drain") > 0,
          reload: async () => {
            done.push("reload");
            return (await reload?.()) ?? { ok: true, problems: [] };
          },
          revoke: () => Promise.resolve({ revoked: [], stored: true }),
          setLogLevel: (level) => void done.push(`log-level ${level}`),
        },
      }),
    );
  }
}

type Columns = Record<keyof Samples, (number | null)[]>;

function madeUp(): Columns {
  const columns: Columns = {
    at: [],
    stanzas: [],
    delegations: [],
    failures: [],
    p50: [],
    p95: [],
    p99: [],
    loopP50: [],
    loopP99: [],
    rss: [],
    heap: [],
    sessions: [],
    connections: [],
  };
  const now = Date.now() / 1000;
  for (let nth = 150; nth > 0; nth--) {
    if (nth > 60 && nth < 80) continue;
    const wave = Math.sin(nth / 9) * 40 + 100;
    // One lonely answer between two stretches in which nothing was asked.
    const asked = nth > 30 || nth === 20 || nth < 10;
    columns.at.push(now - nth * 2);
    columns.stanzas.push(wave * 7);
    columns.delegations.push(asked ? wave : 0);
    columns.failures.push(0);
    columns.p50.push(asked ? 3 : null);
    columns.p95.push(asked ? 14 : null);
    columns.p99.push(asked ? 31 : null);
    columns.loopP50.push(0.4);
    columns.loopP99.push(4);
    columns.rss.push(88);
    columns.heap.push(31);
    columns.sessions.push(1204);
    columns.connections.push(1230);
  }
  return columns;
}

function lastOf(columns: Columns): Sample {
  return pick(columns, (column) => column.at(-1) ?? null);
}

function behind(columns: Columns, after: number): Samples {
  const first = columns.at.findIndex((at) => (at ?? 0) > after);
  return pick(columns, (column) => (first < 0 ? [] : column.slice(first)));
}

function pick<Value>(columns: Columns, take: (column: (number | null)[]) => Value): Record<keyof Samples, Value> {
  const { at, stanzas, delegations, failures, p50, p95, p99, loopP50, loopP99, rss, heap, sessions, connections } =
    columns;
  return {
    at: take(at),
    stanzas: take(stanzas),
    delegations: take(delegations),
    failures: take(failures),
    p50: take(p50),
    p95: take(p95),
    p99: take(p99),
    loopP50: take(loopP50),
    loopP99: take(loopP99),
    rss: take(rss),
    heap: take(heap),
    sessions: take(sessions),
    connections: take(connections),
  };
}
