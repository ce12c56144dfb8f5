import { startEjabberd } from "./ejabberd.js";
import { befriend } from "./libervia-requests.js";
import { login, passwords } from "./login.js";
import { startProsody } from "./prosody.js";

/** A server behind Caesura of which a test wants to know no more. */
export interface AnyServer {
  readonly c2sPort: number;
  readonly componentPort: number;
  stop(): Promise<void>;
}

export interface AnyServerOptions {
  /** Component → secret. */
  readonly components: Readonly<Record<string, string>>;
  /** Whether the server's own PEP is on, with whatever else it keeps there. */
  readonly pep: boolean;
  /** Whether its discovery has a form with contact addresses; true when absent. */
  readonly contactForm?: boolean;
}

export interface ServerKind {
  readonly name: "Prosody" | "ejabberd";
  readonly programs: readonly string[];
  /** Starts it with the accounts juliet, romeo and nurse, and block lists. */
  readonly start: (options: AnyServerOptions) => Promise<AnyServer>;
}

const { juliet = "", romeo = "", nurse = "" } = passwords;
const users = { juliet, romeo, nurse };

const contact = { modules: "all", name: "abuse-addresses", urls: ["mailto:nurse@capulet.lit"] };

/** The servers that most people run. */
export const serverKinds: readonly ServerKind[] = [
  {
    name: "Prosody",
    programs: ["prosody", "openssl"],
    start: ({ components, pep, contactForm = true }) =>
      startProsody({
        users,
        components,
        modules: contactForm ? ["server_contact_info"] : [],
        without: pep ? [] : ["pep", "vcard4", "vcard_legacy"],
      }),
  },
  {
    name: "ejabberd",
    programs: ["ejabberdctl", "erl", "openssl"],
    start: ({ components, pep, contactForm = true }) =>
      startEjabberd({
        users,
        components,
        modules: {
          mod_blocking: {},
          mod_caps: {},
          mod_disco: contactForm ? { server_info: [contact] } : {},
          mod_privacy: {},
          ...(pep ? { mod_pubsub: { plugins: ["flat", "pep"] } } : {}),
        },
      }),
  },
];

/** Makes juliet and romeo contacts of each other; nurse stays a stranger to both. */
export async function makeContacts({ c2sPort: port }: AnyServer): Promise<void> {
  const one = await login({ port, user: "juliet" });
  const other = await login({ port, user: "romeo" });
  await befriend(one, other);
  await one.close();
  await other.close();
}
