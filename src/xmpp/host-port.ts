/** A host and a port in one word, an IPv6 address in brackets (RFC 3986 §3.2.2). */
export function hostAndPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${String(port)}` : `${host}:${String(port)}`;
}
