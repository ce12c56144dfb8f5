import type { z } from "zod";
import { parseJid } from "../xmpp/index.js";
import type { ComponentConfig } from "./config.js";
import type { ConfigDocument } from "./document.js";
import { readNamedFile } from "./files.js";
import { componentSchema } from "./domain-schema.js";
import { Secret } from "./secret.js";
import { asRecord, proved } from "./shape.js";
import type { DocumentPath } from "./source.js";

/** Where secrets come from. */
export interface SecretSources {
  /** The folder that relative paths start from. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Reads the components of one domain. `endsHere`: their links end at Caesura, which then needs their secrets.
 *
 * Errors  complains; what has no usable address is left out of the result, what has no usable secret is not.
 */
export function proveComponents(
  document: ConfigDocument,
  at: DocumentPath,
  raw: unknown,
  endsHere: boolean,
  sources: SecretSources,
): readonly ComponentConfig[] {
  const components: ComponentConfig[] = [];
  for (const [name, value] of Object.entries(asRecord(raw) ?? {})) {
    const path = [...at, name];
    const address = parseJid(name);
    if (address === undefined || address.local !== undefined || address.resource !== undefined) {
      document.complain(
        path,
        {
          code: "invalid-component",
          message: `${JSON.stringify(name)} cannot be the address of a component.`,
          hint: "A component is a domain, for example pubsub.capulet.lit (XEP-0114).",
        },
        "key",
      );
      continue;
    }
    if (components.some(({ jid }) => jid === address.domain)) {
      document.complain(path, { code: "duplicate-component", message: `${address.domain} is there twice.` }, "key");
      continue;
    }
    const component = proved(componentSchema, value);
    const secret = component && proveSecret(document, path, component, endsHere, sources);
    components.push({ jid: address.domain, secret });
  }
  return components;
}

function proveSecret(
  document: ConfigDocument,
  at: DocumentPath,
  { secretFile, secretEnv }: z.infer<typeof componentSchema>,
  endsHere: boolean,
  sources: SecretSources,
): Secret | undefined {
  if (secretFile !== undefined && secretEnv !== undefined) {
    document.complain([...at, "secretEnv"], {
      code: "two-secrets",
      message: `Both "secretFile" and "secretEnv" are there; one is read.`,
    });
    return undefined;
  }
  if (secretFile !== undefined) return readSecretFile(document, [...at, "secretFile"], secretFile, sources.folder);
  if (secretEnv !== undefined) return readSecretVariable(document, [...at, "secretEnv"], secretEnv, sources.env);
  if (endsHere) {
    document.complain(
      at,
      {
        code: "secret-missing",
        message: "This component's link ends here, but no secret is given to check its handshake with.",
        hint: "Give secretFile or secretEnv, or name the server's own component port in server.component.",
      },
      "key",
    );
  }
  return undefined;
}

/** Reads a file that holds one secret in one line; complains if that is not so. */
export function readSecretFile(
  document: ConfigDocument,
  at: DocumentPath,
  name: string,
  folder: string,
): Secret | undefined {
  const file = readNamedFile(document, at, folder, name);
  if (file === undefined) return undefined;
  if ((file.mode & 0o004) !== 0) {
    document.complain(at, {
      severity: "warning",
      code: "world-readable",
      message: `Every user of this machine may read the secret in ${JSON.stringify(file.path)}.`,
      hint: `chmod o-r ${file.path}`,
    });
  }
  return checked(document, at, file.text.replace(/\r?\n$/, ""), `The file ${JSON.stringify(file.path)}`);
}

function readSecretVariable(
  document: ConfigDocument,
  at: DocumentPath,
  name: string,
  env: SecretSources["env"],
): Secret | undefined {
  const value = env[name];
  if (value === undefined) {
    document.complain(at, {
      code: "variable-missing",
      message: `The environment variable ${name} is not set.`,
      hint: "A secret can come from a file too: secretFile.",
    });
    return undefined;
  }
  return checked(document, at, value, `The environment variable ${name}`);
}

function checked(document: ConfigDocument, at: DocumentPath, value: string, origin: string): Secret | undefined {
  if (value === "") {
    document.complain(at, { code: "secret-empty", message: `${origin} is empty.` });
    return undefined;
  }
  // A second line is another file by mistake, or one secret too many; the component would compute another hash.
  if (/[\r\n\0]/.test(value)) {
    document.complain(at, { code: "secret-lines", message: `${origin} holds more than one line.` });
    return undefined;
  }
  return new Secret(value);
}
