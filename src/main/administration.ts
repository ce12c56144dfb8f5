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

type AdministrationConfig = Pick<Config, "admin" | "metrics"> & {
  /** Of listeners: what they want is let go. */
  readonly listen: readonly { readonly port?: number | undefined }[];
};

export interface PreparedDoors {
  readonly commit: () => void;
  readonly revert: () => Promise<void>;
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
  /** Closed to new readers, while the last requests are answered. */
  readonly #retiring = new Set<AdminServer>();
  #config: AdministrationConfig | undefined;

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
   * was opened. A port that moves to another address, or to another door, is free only when the old door has let it go: then
   * there is a moment at which nobody is let in, and `revert` opens the old one again.
   *
   * Errors  rejects with `ListenError`; then nothing has changed.
   */
  async prepare(config: AdministrationConfig): Promise<PreparedDoors> {
    const wanted = new Map(doorsOf(config));
    const kept = new Map([...this.#open].filter(([door, { place }]) => isSame(place, wanted.get(door))));
    const added = [...wanted].filter(([door]) => !kept.has(door));
    const gone = [...this.#open].filter(([door]) => !kept.has(door));
    const opening = [...added.map(([, place]) => place), ...config.listen];
    const moving = gone.filter(([, { place }]) => opening.some((next) => isInTheWay(place, next)));
    const opened = new Map<Door, OpenDoor>();
    const revert = async (): Promise<void> => {
      await Promise.all([...opened.values()].map(({ server }) => server.close()));
      for (const [door, { place }] of moving) await this.#reopen(door, place, config);
    };
    for (const [, { server }] of moving) this.#retire(server);
    try {
      for (const [door, place] of added) opened.set(door, await this.#openDoor(door, place, config));
    } catch (error) {
      await revert();
      throw error;
    }
    const commit = (): void => {
      this.#open = new Map([...kept, ...opened]);
      const { socket, token } = config.admin ?? {};
      if (socket !== undefined) this.#setMode(socket);
      // Whoever was let in by the old token, or by none, has to ask again.
      if (this.#config !== undefined && !isSame(token, this.#config.admin?.token)) this.#live.close();
      this.#config = config;
      for (const [, { server }] of gone) if (!this.#retiring.has(server)) this.#retire(server);
    };
    return { commit, revert };
  }

  async close(): Promise<void> {
    const servers = [...this.#open.values()].map(({ server }) => server);
    this.#open = new Map();
    this.#parts.taps.close();
    this.#live.close();
    await Promise.all([...servers, ...this.#retiring].map((server) => server.close()));
  }

  /** Somebody else may have been faster: then the configuration is refused all the same, and the door stays shut. */
  async #reopen(door: Door, place: Place, config: AdministrationConfig): Promise<void> {
    try {
      this.#open.set(door, await this.#openDoor(door, place, config));
    } catch (error) {
      this.#open.delete(door);
      this.#parts.log.error({ event: "admin-failed", err: error }, "a door for operators could not be opened again");
    }
  }

  /** What is being answered there, maybe the request that asked for the change, is answered to its end. */
  #retire(server: AdminServer): void {
    this.#retiring.add(server);
    void server.retire().then(() => this.#retiring.delete(server));
  }

  /** The door is open already: if its file was taken away meanwhile, that is no reason to refuse a configuration. */
  #setMode(socket: AdminSocketConfig): void {
    try {
      setMode(socket);
    } catch (error) {
      this.#parts.log.error({ event: "admin-failed", err: error }, "the permissions of the runtime socket stay");
    }
  }

  async #openDoor(door: Door, place: Place, config: AdministrationConfig): Promise<OpenDoor> {
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
    return { server, place };
  }
}

/** On a port only one address is sure to be free while another of the same port is open; port 0 is another one each time. */
function isInTheWay(before: Place, next: { readonly port?: number | undefined } | { readonly path: string }): boolean {
  return "port" in before && "port" in next && before.port === next.port && before.port !== 0;
}

function doorsOf({ admin, metrics }: AdministrationConfig): readonly (readonly [Door, Place])[] {
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

function served(door: Door, { metrics }: AdministrationConfig): ReadonlySet<Served> {
  if (door === "socket") return commands;
  if (door === "metrics") return metricsAlone;
  return metrics === undefined ? everything : pageAlone;
}
