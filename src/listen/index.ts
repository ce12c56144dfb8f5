/**
 * The ports where links begin.
 *
 * 1. A listener accepts, asks admission, and hands the socket to a new link. Of a socket it reads a PROXY header
 *    (proxy-protocol.txt, 2020/03/05), where the configuration says so, and never writes.
 *    Over WebSocket (RFC 7395) one HTTP request comes first; what is read and written then is the carrier's.
 * 2. Certificates are chosen by SNI (RFC 6066 §3), protocols by ALPN (XEP-0368 v1.1.0), both anew for each handshake.
 * 3. A reload touches no connection; a port that cannot be opened leaves everything as it was.
 */
export { Arrivals } from "./arrivals.js";
export { Admission, networkOf, type AdmissionLimits } from "./admission.js";
export {
  Certificates,
  prepareCertificates,
  type CertificateSource,
  type PreparedCertificates,
} from "./certificates.js";
export { InheritedSockets } from "./inherited-sockets.js";
export { ListenError } from "./listen-error.js";
export { Listener } from "./listener.js";
export type { ListenerParts, ListenerSettings } from "./listener-settings.js";
export { Listeners, listenerName, type ListeningAddress } from "./listeners.js";
