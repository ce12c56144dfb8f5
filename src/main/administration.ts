import type { AddressInfo } from "node:net";
import type { Logger } from "pino";
import {
  accessRefusals,
  AdminServer,
  Live,
  setMode,
  type AccessRefusal,
  type Controls,
  type ProxyModel,
  type Readiness,
  type Sampler,
  type Served,
  type Taps,
} from "../admin/index.js";
import { isSame, type AddressConfig, type AdminSocketConfig, type Config } from "../config/index.js";
import { ListenError } from "../listen/index.js";
import { Tally, type Families } from "../metrics/index.js";
import { packageVersion } from "./version.js";

export interface AdministrationParts {
  readonly families: Families;
  readonly model: ProxyModel;
  readonly controls: Controls;
  readonly taps: Taps;
  readonly log: Logger;
  readonly sampler: Sampler;
  readiness(): Readiness;
}

type Door = "admin" | "metrics" | "socket";

/** Where a door is; at equal places it is the same door, which a reload leaves alone. */
type Place = AddressConfig | Pick<AdminSocketConfig, "path">;

interface OpenDoor {
  readonly server: AdminServer;
  readonly place: Place;
}

/** The open doors for operators, kept equal to the configuration: port, port for metrics, socket. */
export class Administration {
  readonly #parts: AdministrationParts;
  readonly #refused = new Tally<readonly [AccessRefusal]>();
  #open = new Map<Door, OpenDoor>();
  readonly #live: Live;
  #config: Config | undefined;

  constructor(parts: AdministrationParts) {
    this.#parts = parts;
    const { families, model, sampler, taps } = parts;
    this.#live = new Live({
      model,
      sampler,
      version: packageVersion(),
      refused: (reason) => this.#refused.add(reason),
    });
    for (const reason of accessRefusals) this.#refused.expect(reason);
    families.counter(
      {
        name: "caesura_admin_refused_total",
        help: "Requests and readers that the administration port turned away, by why",
        labels: ["reason"],
      },
      (sample) => this.#refused.read(sample),
    );
    families.gauge({ name: "caesura_taps", help: "Operators who look at delegated requests", labels: [] }, (sample) =>
      sample(taps.size),
    );
    families.counter(
      {
        name: "caesura_tap_events_lost_total",
        help: "Delegated requests and answers that were not shown, because the operator read too slowly",
        labels: [],
      },
      (sample) => sample(taps.lost),
    );
  }

  /** Of the administration port. */
  get address(): AddressInfo | undefined {
    return this.#open.get("admin")?.server.address;
  }

  get metricsAddress(): AddressInfo | undefined {
    return this.#open.get("metrics")?.server.address;
  }

  /**
   * Opens what `config` names and is not open. Until `commit` the doors of before are served as before; `revert` closes what
   * was opened.
   *
   * Errors  rejects with `ListenError`; then nothing has changed.
   */
  async prepare(config: Config): Promise<{ commit(): Promise<void>; revert(): Promise<void> }> {
    const wanted = doorsOf(config);
    const next = new Map<Door, OpenDoor>();
    const added: OpenDoor[] = [];
    const revert = async (): Promise<void> => {
      await Promise.all(added.map(({ server }) => server.close()));
    };
    for (const [door, place] of wanted) {
      const current = this.#open.get(door);
      if (current !== undefined && isSame(current.place, place)) {
        next.set(door, current);
        continue;
      }
      try {
        const opened = { server: await this.#openDoor(door, place, config), place };
        added.push(opened);
        next.set(door, opened);
      } catch (error) {
        await revert();
        throw error;
      }
    }
    const commit = async (): Promise<void> => {
      const gone = [...this.#open].filter(([door, { server }]) => next.get(door)?.server !== server);
      this.#open = next;
      const { socket } = config.admin ?? {};
      if (socket !== undefined) this.#setMode(socket);
      this.#config = config;
      await Promise.all(gone.map(([, { server }]) => server.close()));
    };
    return { commit, revert };
  }

  async close(): Promise<void> {
    const doors = [...this.#open.values()];
    this.#open = new Map();
    this.#parts.taps.close();
    this.#live.close();
    await Promise.all(doors.map(({ server }) => server.close()));
  }

  /** The door is open already: if its file was taken away meanwhile, that is no reason to refuse a configuration. */
  #setMode(socket: AdminSocketConfig): void {
    try {
      setMode(socket);
    } catch (error) {
      this.#parts.log.error({ event: "admin-failed", err: error }, "the permissions of the runtime socket stay");
    }
  }

  async #openDoor(door: Door, place: Place, config: Config): Promise<AdminServer> {
    const { families, model, controls, taps, log } = this.#parts;
    const server = new AdminServer({
      families,
      version: packageVersion(),
      serves: () => served(door, this.#config ?? config),
      model,
      controls,
      taps,
      live: this.#live,
      sampler: this.#parts.sampler,
      log,
      readiness: () => this.#parts.readiness(),
      token: () => (this.#config ?? config).admin?.token,
      refused: (reason) => this.#refused.add(reason),
      failed: (error) => log.error({ event: "admin-failed", err: error }, "the administration port has an error"),
    });
    try {
      if ("path" in place) await server.openPath(place.path, config.admin?.socket?.mode ?? 0o600);
      else await server.open(place.host, place.port);
    } catch (error) {
      if ("path" in place) throw ListenError.ofPath(place.path, error);
      throw ListenError.of(place.host, place.port, error);
    }
    return server;
  }
}

function doorsOf({ admin, metrics }: Config): readonly (readonly [Door, Place])[] {
  const doors: [Door, Place][] = [];
  if (admin !== undefined) doors.push(["admin", { host: admin.host, port: admin.port }]);
  if (admin?.socket !== undefined) doors.push(["socket", { path: admin.socket.path }]);
  if (metrics !== undefined) doors.push(["metrics", metrics]);
  return doors;
}

const everything: ReadonlySet<Served> = new Set<Served>(["page", "metrics"]);
const pageAlone: ReadonlySet<Served> = new Set<Served>(["page"]);
const metricsAlone: ReadonlySet<Served> = new Set<Served>(["metrics"]);
const commands: ReadonlySet<Served> = new Set<Served>(["socket"]);

function served(door: Door, { metrics }: Config): ReadonlySet<Served> {
  if (door === "socket") return commands;
  if (door === "metrics") return metricsAlone;
  return metrics === undefined ? everything : pageAlone;
}
