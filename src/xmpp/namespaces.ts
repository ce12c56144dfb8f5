/** Every namespace name of this project, once, beside its document. Prefixes mean nothing: compare namespace and local name. */
export const NS = {
  /** XEP-0060 */
  pubsub: "http://jabber.org/protocol/pubsub",
  /** RFC 6120 §4.8.1: the stream header, features, stream errors. */
  streams: "http://etherx.jabber.org/streams",
  /** RFC 6120 §4.8.3: content of client streams. */
  client: "jabber:client",
  /** RFC 6120 §4.8.3: content of streams between servers. */
  server: "jabber:server",
  /** XEP-0114 §3: content of component streams. */
  component: "jabber:component:accept",
  /** RFC 6120 §4.9.2. */
  streamErrors: "urn:ietf:params:xml:ns:xmpp-streams",
  /** RFC 6120 §8.3.2. */
  stanzaErrors: "urn:ietf:params:xml:ns:xmpp-stanzas",
  /** RFC 7395 §3.3.1: `<open/>` and `<close/>` over WebSocket. */
  framing: "urn:ietf:params:xml:ns:xmpp-framing",
  /** RFC 6120 §5.4. */
  tls: "urn:ietf:params:xml:ns:xmpp-tls",
  /** RFC 6120 §6.4. */
  sasl: "urn:ietf:params:xml:ns:xmpp-sasl",
  /** RFC 6120 §7.4. */
  bind: "urn:ietf:params:xml:ns:xmpp-bind",
  /** RFC 3921 §3: establishing a session, optional since RFC 6121. */
  session: "urn:ietf:params:xml:ns:xmpp-session",
  /** XML 1.0 names §3: bound to the prefix `xml` everywhere. */
  xml: "http://www.w3.org/XML/1998/namespace",
  /** XML 1.0 names §3: bound to the prefix `xmlns` everywhere. */
  xmlns: "http://www.w3.org/2000/xmlns/",
  /** XEP-0004 §3. */
  dataForms: "jabber:x:data",
  /** XEP-0030. */
  discoInfo: "http://jabber.org/protocol/disco#info",
  discoItems: "http://jabber.org/protocol/disco#items",
  /** XEP-0050 §2. */
  commands: "http://jabber.org/protocol/commands",
  /** XEP-0078 §3, §4: authentication before SASL, and its stream feature. */
  iqAuth: "jabber:iq:auth",
  iqAuthFeature: "http://jabber.org/features/iq-auth",
  /** XEP-0115 §4. */
  caps: "http://jabber.org/protocol/caps",
  /** XEP-0138 §3, §4. */
  compress: "http://jabber.org/protocol/compress",
  compressFeature: "http://jabber.org/features/compress",
  /** XEP-0191. */
  blocking: "urn:xmpp:blocking",
  /** XEP-0198 v1.6; the second is what servers kept for older clients. */
  sm3: "urn:xmpp:sm:3",
  sm2: "urn:xmpp:sm:2",
  /** XEP-0199 §4. */
  ping: "urn:xmpp:ping",
  /** XEP-0203 §3. */
  delay: "urn:xmpp:delay",
  /** XEP-0297 §3. */
  forward: "urn:xmpp:forward:0",
  /** XEP-0300 §3. */
  hashes: "urn:xmpp:hashes:2",
  /** XEP-0352. */
  csi: "urn:xmpp:csi:0",
  /** XEP-0355 v0.5. */
  delegation: "urn:xmpp:delegation:2",
  /** XEP-0355 §7.2.4 and §7.2.5: not namespaces of requests, but names under which the rest of discovery is delegated. */
  delegationBareDiscoInfo: "urn:xmpp:delegation:2:bare:disco#info:*",
  delegationBareDiscoItems: "urn:xmpp:delegation:2:bare:disco#items:*",
  /** XEP-0355 §6: the command by which users see and revoke what they have delegated, and the FORM_TYPE of its form. */
  delegationConfigure: "urn:xmpp:delegation:2#configure",
  /** XEP-0356 v0.4.1. */
  privilege: "urn:xmpp:privilege:2",
  /** XEP-0386: the namespace of the current version, and one that is found in the wild. */
  bind2: "urn:xmpp:bind:0",
  bind2Later: "urn:xmpp:bind2:1",
  /** XEP-0388. */
  sasl2: "urn:xmpp:sasl:2",
  /** XEP-0390 §4. */
  caps2: "urn:xmpp:caps",
  /** XEP-0440 §2. */
  saslChannelBinding: "urn:xmpp:sasl-cb:0",
  /** XEP-0484 §3. */
  fast: "urn:xmpp:fast:0",
  /** XEP-0478 §3. */
  streamLimits: "urn:xmpp:stream-limits:0",
  /** XEP-0397 §5. */
  isr: "https://xmpp.org/extensions/isr/0",
} as const;
