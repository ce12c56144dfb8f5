/** One thing that is wrong with a configuration, for a person. Never contains a secret. */
export interface Problem {
  /** An `error` keeps the configuration from being used; a `warning` does not. */
  readonly severity: "error" | "warning";
  /** Where in the document, e.g. `domains."capulet.lit".tls.cert`; empty for the document as a whole. */
  readonly path: string;
  /** The configuration file, as it was named. */
  readonly file: string;
  /** Both count from 1; a column counts characters (UTF-16 units). */
  readonly line: number;
  readonly column: number;
  readonly code: ProblemCode;
  readonly message: string;
  /** What to do about it, if there is something to say. */
  readonly hint?: string;
}

/** What `loadConfig` hands back. */
export type LoadedConfig<Configuration> =
  | { readonly ok: true; readonly config: Configuration; readonly warnings: readonly Problem[] }
  /** All problems at once, warnings included, in the order of the file; at least one is an error. */
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Every code, with its meaning for `docs/configuration.md`. Codes are never renamed. */
export const problemCodes = {
  "file-missing": "the configuration file, or a file that it names, is not there.",
  "credential-missing":
    "a credential of systemd is not there, because its service does not run (a warning for `caesura check`).",
  "file-unreadable": "a file may not be read by this user, or the system cannot read it.",
  "file-too-large": "a file is far larger than anything of its kind.",
  "file-not-text": "a file is no text in UTF-8.",
  "not-a-file": "a path leads to a folder, a device or a pipe.",
  "empty-file": "the configuration file holds nothing but comments.",
  "yaml-syntax": "the file is not YAML.",
  "yaml-alias": "an alias has no anchor, contains itself, or there are too many of them.",
  "yaml-key": "a key is no plain word.",
  "duplicate-key": "a key is there twice in one mapping.",
  "too-many-problems": "there are more problems than are shown.",
  "unknown-key": "a key is not known at this place.",
  "missing-key": "a required key is not there.",
  "invalid-key": "a name is empty or too long.",
  "empty-value": "a key has no value.",
  "wrong-type": "a value is of another type.",
  "wrong-choice": "a value is none of those that can be chosen.",
  "invalid-value": "a value has characters that cannot be there.",
  "out-of-range": "a number, size or duration is too small or too large, by itself or against another one.",
  "too-long": "a text or a list is too long.",
  "missing-unit": "a duration or size is a bare number.",
  "invalid-duration": "a duration cannot be read.",
  "invalid-size": "a size cannot be read.",
  "invalid-identity": "a disco identity is not written as category/type.",
  "unsupported-version": "`version` is not 1.",
  "no-effect": "a warning: a key has no effect beside the others.",
  "no-domain": "no domain is served.",
  "invalid-domain": "a served domain or a server name is no domain name.",
  "duplicate-domain": "two names are the same domain, once in lower case and as A-labels.",
  "invalid-host": "an address is neither an IP address nor a host name.",
  "invalid-uri": "an address is no URI of the kinds that the key takes.",
  "invalid-network": "a network is neither an address nor an address and a number of bits.",
  "trusts-anybody": "a warning: every address may say that it is a proxy and name a client's address.",
  "address-in-use": "two listeners would share an address.",
  "address-and-socket": "a listener has both an address of its own and a socket that it is handed.",
  "socket-missing": "a socket that a listener names was not handed over by the service manager.",
  "address-not-here": "an address to listen on is none of this machine (`caesura check` alone).",
  "port-in-use": "another process has a port; a warning if it cannot be seen which (`caesura check` alone).",
  "port-privileged": "a warning: a port needs a right that not every user has (`caesura check` alone).",
  "cleartext-listener": "clients would be served without TLS on an address that others can reach.",
  "cleartext-component": "a warning: components connect in clear on an address that others can reach.",
  "cleartext-server": "a warning: the leg to the server is in clear and leaves this machine.",
  "binding-needs-tls": "logins are to be bound to the server's certificate, and the leg to it has no TLS.",
  "unverified-server": "a warning: any certificate of the server is taken.",
  "server-is-self": "the server's address is one of Caesura's own listeners.",
  "admin-exposed": "a warning: other machines can reach the administration port or that of the metrics.",
  "token-weak": "a token has less than 16 characters.",
  "socket-path":
    "the path of a socket is longer than the system takes (107 bytes), or something else is there; a warning: its folder is not there.",
  "no-client-listener": "a warning: no client can connect.",
  "no-component-listener": "a managing entity cannot connect: there is no listener for components.",
  "unknown-component": "a managing entity cannot connect: it is not among the domain's components.",
  "ambiguous-component": "a component's link would have to go two ways.",
  "invalid-component": "a component's address is not a domain.",
  "duplicate-component": "a component is there twice.",
  "two-secrets": "a secret is to come from a file and from the environment.",
  "secret-missing": "a component whose link ends here has no secret.",
  "secret-empty": "a secret is empty.",
  "secret-lines": "a secret has more than one line.",
  "variable-missing": "an environment variable is not set.",
  "world-readable": "a warning: every user of the machine may read a key or a secret, or look into the store.",
  "handover-unusable": "a warning: this user cannot make the file in which streams wait during a restart.",
  "store-unusable": "a warning: this user cannot make, or cannot write to, the folder for grants.",
  "world-writable":
    "a warning: every user of the machine may change a key, a secret, a certificate or the file itself.",
  "not-a-certificate": "a file holds no certificate that can be read.",
  "not-a-key": "a file holds no private key that can be read.",
  "weak-key": "a key is too short to be accepted by TLS.",
  "uncommon-key": "a warning: a key is of a kind that many clients cannot check.",
  "key-mismatch": "a key does not belong to its certificate.",
  "certificate-name": "a warning: a certificate does not name its domain.",
  "certificate-chain":
    "the domain's own certificate is not the first of its file; a warning: the others do not lead from it to its authority, or are not there.",
  "certificate-expired": "a certificate has expired: a warning for `caesura run`, an error for `caesura check`.",
  "certificate-not-yet-valid": "a warning: a certificate is not valid yet.",
  "certificate-expires-soon": "a warning: a certificate expires within two weeks.",
  "invalid-fingerprint": "a pinned fingerprint is no SHA-256 in hexadecimal.",
  "namespace-delegated-twice": "a namespace is delegated twice (one namespace has one managing entity).",
  "delegation-delegated": "`urn:xmpp:delegation:2` itself is delegated (XEP-0355 §8).",
  "unknown-special-name": "a name begins like the special names of XEP-0355 §7.2, but is none of them.",
  "invalid-namespace": "a namespace holds white space, or is a special name where there can be none.",
  "invalid-attribute": "a filtering attribute is no attribute name without prefix.",
  "invalid-jid": "a managing entity, or one that may ask users, is no JID.",
  "invalid-entity": "a managing entity has a resource.",
  "entity-is-server": "a managing entity or component is a served domain.",
} as const satisfies Readonly<Record<string, string>>;

/** Stable, kebab-case. */
export type ProblemCode = keyof typeof problemCodes;
