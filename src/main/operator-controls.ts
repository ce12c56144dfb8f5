import type { Controls, ReloadOutcome } from "../admin/index.js";
import type { Logger } from "../log/index.js";
import type { Links, Turns } from "../relay/index.js";
import type { Hub } from "../session/index.js";
import { parseJid } from "../xmpp/index.js";
import { grantRow } from "./observatory.js";

/** What only the process can do that an operator asks the running proxy for. */
export interface ProcessControls {
  /** Drains and ends, as SIGTERM does; false if that is under way. */
  drain(): boolean;
  /** Reads the configuration file again, as SIGHUP does. */
  reload(): Promise<ReloadOutcome>;
}

export interface ControlledParts {
  readonly links: Pick<Links, "find">;
  readonly hub: Pick<Hub, "grantViews" | "revokeGrants">;
  readonly turns: Pick<Turns, "begin" | "end">;
  readonly log: Pick<Logger, "level">;
  readonly process: ProcessControls;
}

/** What operators may do to the running proxy, over the socket or with the token. */
export function operatorControls({ links, hub, turns, log, process }: ControlledParts): Controls {
  return {
    close: (connection) => {
      const link = links.find(connection);
      link?.shutdown({ condition: "system-shutdown" });
      return link !== undefined;
    },
    drain: () => process.drain(),
    reload: () => process.reload(),
    setLogLevel: (level) => {
      log.level = level;
    },
    revoke: async ({ account, namespace, entity }) => {
      const user = parseJid(account)?.bareKey;
      const manager = entity === undefined ? undefined : (parseJid(entity)?.bareKey ?? entity);
      const chosen = [...hub.grantViews()].filter(
        (grant) =>
          parseJid(grant.account)?.bareKey === user &&
          (namespace === undefined || namespace === grant.namespace) &&
          (manager === undefined || manager === grant.entity),
      );
      const [first] = chosen;
      if (first === undefined) return { revoked: [], stored: true };
      // A user belongs to one domain.
      const stored = await new Promise<boolean>((resolve) => {
        turns.begin(undefined);
        hub.revokeGrants(first.domain, chosen, resolve);
        turns.end();
      });
      return { revoked: chosen.map(grantRow), stored };
    },
  };
}
