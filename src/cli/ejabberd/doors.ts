import { scalarText } from "../../config/index.js";
import type { Door, Doors, Note } from "../proxy-plan.js";
import { isTrue, partOf, partsOf, placeOf } from "./ejabberd-config.js";
import type { EjabberdConfig, Setting } from "./ejabberd-config.js";

export interface EjabberdListener {
  readonly module: string;
  readonly setting: Setting;
}

export function listenersOf(config: EjabberdConfig): readonly EjabberdListener[] {
  return config
    .all("listen")
    .flatMap((listen) => partsOf(listen))
    .flatMap((setting) => {
      const module = partOf(setting, "module")?.value;
      return typeof module === "string" ? [{ module, setting }] : [];
    });
}

/** Where clients and components come in; ports that cannot be read are told of. */
export function doorsOf(listeners: readonly EjabberdListener[], tell: (note: Note) => void): Doors {
  const doors = { clients: [] as Door[], direct: [] as Door[], components: [] as Door[] };
  for (const { module, setting } of listeners) {
    if (module !== "ejabberd_c2s" && module !== "ejabberd_service") continue;
    const host = hostOf(setting);
    const ports = portsOf(partOf(setting, "port")?.value);
    if (host === undefined || ports.length === 0) {
      const message = `Not carried over: this listener (${module}), whose address is no IP address with a port.`;
      tell({ severity: "warning", ...placeOf(setting), message });
      continue;
    }
    const list =
      module === "ejabberd_service" ? doors.components : isTrue(partOf(setting, "tls")) ? doors.direct : doors.clients;
    for (const port of ports) list.push({ host, port });
  }
  return doors;
}

const maxRange = 32;

function portsOf(value: unknown): readonly number[] {
  const [, first, last] = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(scalarText(value)) ?? [];
  if (first === undefined) return [];
  const [from, to] = [Number(first), Number(last ?? first)];
  if (from < 1 || to > 65_535 || to < from || to - from >= maxRange) return [];
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

/** ejabberd listens on all addresses where none is named. */
function hostOf(setting: Setting): string | undefined {
  const ip = partOf(setting, "ip")?.value;
  if (ip === undefined) return isTrue(partOf(setting, "inet6")) ? "::" : "0.0.0.0";
  return typeof ip === "string" && /^[0-9a-f.:]+$/i.test(ip) ? ip : undefined;
}
