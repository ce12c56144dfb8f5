import type { ServerC2sConfig } from "../config/index.js";
import { bindingTypesOf, END_POINT } from "../stream/index.js";
import type { ChannelBinding } from "../stream/index.js";
import { childElements, findChild, namespaceOf } from "../xml/index.js";
import type { Element } from "../xml/index.js";
import { NS } from "../xmpp/index.js";
import type { Judgement } from "./finding.js";

/** Says what in the server's features does not fit a proxy that ends TLS in front of it (protocol.md A1 to A7, T2). */
export function judgeFeatures(
  features: Element,
  { tls, channelBinding }: ServerC2sConfig,
  showsEndPoint: boolean,
): readonly Judgement[] {
  const mechanisms = mechanismsOf(features);
  const startTls = findChild(features, "starttls", NS.tls);
  const judgements: Judgement[] = [];
  if (tls === "none" && startTls !== undefined && findChild(startTls, "required", NS.tls) !== undefined) {
    judgements.push({
      severity: "error",
      message: "it insists on TLS, and the configuration says tls: none.",
      hint: "Let it serve Caesura in clear (Prosody: c2s_require_encryption = false), or use tls: starttls.",
    });
  } else if (mechanisms.length === 0) {
    judgements.push({
      severity: "error",
      message: "it offers no way to authenticate.",
      hint: "In clear, Prosody offers PLAIN only with allow_unencrypted_plain_auth = true, ejabberd SASL2 only with allow_unencrypted_sasl2: true.",
    });
  }
  judgements.push(
    ...judgeBinding(channelBinding, {
      plus: mechanisms.filter((mechanism) => mechanism.endsWith("-PLUS")),
      types: bindingTypesOf(features),
      showsEndPoint,
    }),
  );
  if (mechanisms.includes("EXTERNAL")) {
    judgements.push({
      severity: "warning",
      message:
        "it offers EXTERNAL, which Caesura takes out of what clients see: their certificates end here (XEP-0178 §2).",
      hint: "Switch EXTERNAL off on this port of the server, which may sign its list of mechanisms (XEP-0474).",
    });
  }
  if (findChild(features, "compression", NS.compressFeature) !== undefined) {
    judgements.push({
      severity: "warning",
      message: "it offers stream compression, which Caesura takes out of what clients see (XEP-0138).",
      hint: "Switch compression off on the server.",
    });
  }
  if (childElements(features).some((feature) => namespaceOf(feature).startsWith(NS.delegation))) {
    judgements.push({
      severity: "warning",
      message: "it offers namespace delegation itself.",
      hint: "Switch the server's own delegation off, or two parties will answer the same requests.",
    });
  }
  const offered = mechanisms.length === 0 ? "" : `; authentication by ${mechanisms.join(", ")}`;
  const names = [...new Set(childElements(features).map(({ name }) => name))];
  judgements.push({ severity: "note", message: `it answers, and offers ${names.join(", ") || "nothing"}${offered}.` });
  return judgements;
}

function mechanismsOf(features: Element): readonly string[] {
  const lists = [findChild(features, "mechanisms", NS.sasl), findChild(features, "authentication", NS.sasl2)];
  const names = lists.flatMap((list) =>
    list === undefined
      ? []
      : childElements(list)
          .filter(({ name }) => name === "mechanism")
          .map((mechanism) => mechanism.text()),
  );
  return [...new Set(names)];
}

/** What a server offers to bind logins to. */
interface BindingOffer {
  readonly plus: readonly string[];
  /** Undefined: it does not say (XEP-0440). */
  readonly types: readonly string[] | undefined;
  /** Whether its certificate is the one that clients see. */
  readonly showsEndPoint: boolean;
}

/**
 * A server that can bind logins to the TLS of our leg must refuse a client that says `y`: that it could bind too, but was
 * shown no way to (RFC 5802 §6). So taking the offers out helps nobody, and leaving them is of use for the certificate alone
 * (protocol.md A1 to A4).
 */
function judgeBinding(binding: ChannelBinding, offer: BindingOffer): readonly Judgement[] {
  const { plus, types } = offer;
  if (binding === "endpoint") return judgeEndPoint(offer);
  const offers = [...plus, ...(types ?? [])];
  if (offers.length === 0) return [];
  const clear = "Use tls: none on loopback, where the server has no TLS to bind to";
  if (binding === "strip") {
    return [
      {
        severity: "warning",
        message: `it can bind logins to its TLS (${offers.join(", ")}), and clients are not shown that: those that can bind say so, and it must refuse them (RFC 5802 §6).`,
        hint: `${clear}, or switch channel binding and XEP-0474 off in the server.`,
      },
    ];
  }
  return [
    {
      severity: "warning",
      message: `it offers ${offers.join(", ")}, which bind a login to the TLS connection of the server and fail through Caesura (RFC 5802 §6).`,
      hint: `${clear}; channelBinding: strip alone does not help, since clients that can bind then say so and are refused.`,
    },
  ];
}

function judgeEndPoint({ plus, types, showsEndPoint }: BindingOffer): readonly Judgement[] {
  const judgements: Judgement[] = [];
  if (!showsEndPoint) {
    judgements.push({
      severity: "error",
      message:
        "it shows another certificate than clients see, so that no login that is bound to it succeeds (RFC 5929 §4).",
      hint: "Give both the same certificate, or use tls: none on loopback without channelBinding.",
    });
  }
  if (plus.length === 0) {
    judgements.push({
      severity: "warning",
      message: "it offers no mechanism that binds, so that channelBinding: endpoint has no effect.",
      hint: "Leave channelBinding out.",
    });
  } else if (types === undefined) {
    judgements.push({
      severity: "warning",
      message: "it does not say which kinds of channel binding it can (XEP-0440); clients may choose one that fails.",
      hint: "Use a server that does, or tls: none on loopback.",
    });
  } else if (!types.includes(END_POINT)) {
    judgements.push({
      severity: "error",
      message: `it offers ${types.join(", ")}, but not ${END_POINT}, the one kind of binding that can hold through Caesura.`,
      hint: "Switch it on in the server (Prosody 13: tls_server_end_point_hash), or use tls: none on loopback.",
    });
  } else if (types.length > 1) {
    judgements.push({
      severity: "note",
      message: `clients are shown ${END_POINT} alone of what it can bind to, so it must not sign its offers (XEP-0474).`,
    });
  }
  return judgements;
}
