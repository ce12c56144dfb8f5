import { isIP, isIPv4 } from "node:net";
import type { NetworkConfig } from "./config.js";
import type { ConfigDocument } from "./document.js";
import type { DocumentPath } from "./source.js";

/** Reads networks written as `10.0.0.0/8`, `2001:db8::/32` or one address. Complains; leaves out what is none. */
export function proveNetworks(
  document: ConfigDocument,
  at: DocumentPath,
  texts: readonly string[],
): readonly NetworkConfig[] {
  return texts.flatMap((text, index) => {
    const network = parseNetwork(text);
    if (network === undefined) {
      document.complain([...at, index], {
        code: "invalid-network",
        message: `${JSON.stringify(text)} is neither an address nor a network.`,
        hint: "Write 192.0.2.7, 10.0.0.0/8, 2001:db8::1 or fd00::/8.",
      });
      return [];
    }
    if (network.prefix === 0) {
      document.complain([...at, index], {
        severity: "warning",
        code: "trusts-anybody",
        message: `${text} is every address: whoever reaches this listener chooses the address that limits and logs go by.`,
        hint: "Name the addresses of the proxies in front.",
      });
    }
    return [network];
  });
}

function parseNetwork(text: string): NetworkConfig | undefined {
  const [address = "", prefix, more] = text.split("/");
  if (isIP(address) === 0 || address.includes("%") || more !== undefined) return undefined;
  const most = isIPv4(address) ? 32 : 128;
  if (prefix === undefined) return { address, prefix: most };
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(prefix) || Number(prefix) > most) return undefined;
  return { address, prefix: Number(prefix) };
}
