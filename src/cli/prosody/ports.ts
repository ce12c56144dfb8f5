import type { Door, Doors } from "../proxy-plan.js";
import type { Options } from "./options.js";

/** Where a Prosody with these options listens (`core/portmanager.lua`). */
export function doorsOf(options: Options): Doors {
  const general = options.texts("interfaces") ?? ["*", "::"];
  const directPorts = [...(options.ports("c2s_direct_tls_ports") ?? []), ...(options.ports("legacy_ssl_ports") ?? [])];
  const directHosts = options.texts("c2s_direct_tls_interfaces") ?? options.texts("legacy_ssl_interfaces") ?? general;
  return {
    clients: doors(nonEmpty(options.ports("c2s_ports")) ?? [5222], options.texts("c2s_interfaces") ?? general),
    direct: doors(directPorts, directHosts),
    // Component links are private: without their own option they listen on loopback, whatever `interfaces` says.
    components: doors(
      options.ports("component_ports") ?? [5347],
      options.texts("component_interfaces") ?? ["127.0.0.1"],
    ),
  };
}

function doors(ports: readonly number[], hosts: readonly string[]): readonly Door[] {
  return ports.flatMap((port) => hosts.map((host) => ({ host, port })));
}

function nonEmpty<Item>(list: readonly Item[] | undefined): readonly Item[] | undefined {
  return list?.length === 0 ? undefined : list;
}
