/** Each way in which a managing entity's reply can be wrong; the codes of breaches, listed in `docs/errors.md`. */
export const breaches = {
  "reply-from-elsewhere": { source: "XEP-0355 §4.3", meaning: "`from` of the wrapper is not the managing entity" },
  "reply-to-elsewhere": { source: "XEP-0355 §4.3", meaning: "`to` of the wrapper is not the served domain" },
  "reply-without-delegation": { source: "XEP-0355 §4.3", meaning: "the wrapper holds no `<delegation/>`" },
  "reply-without-forwarded": { source: "XEP-0297 §3.1", meaning: "`<delegation/>` holds no `<forwarded/>`" },
  "reply-without-iq": { source: "XEP-0355 §4.3", meaning: "`<forwarded/>` holds no `<iq/>` in `jabber:client`" },
  "reply-with-extra-content": { source: "XEP-0355 §4.3", meaning: "the wrapper holds more than the forwarded IQ" },
  "reply-inner-id": { source: "XEP-0355 §4.3", meaning: "`id` of the reply is not that of the request" },
  "reply-inner-type": { source: "XEP-0355 §4.3", meaning: "`type` of the reply is neither `result` nor `error`" },
  "reply-inner-to": { source: "XEP-0355 §4.3", meaning: "`to` of the reply is not the requester" },
  "reply-inner-from": {
    source: "XEP-0355 §4.3",
    meaning: "`from` of the reply is not what the request was addressed to",
  },
  "reply-several-payloads": { source: "RFC 6120 §8.2.3", meaning: "a result holds more than one child" },
  "reply-error-without-error": { source: "RFC 6120 §8.3.1", meaning: "an error holds no `<error/>`, or more than one" },
} as const satisfies Readonly<Record<string, { readonly source: string; readonly meaning: string }>>;

export type BreachCode = keyof typeof breaches;

/** Why a managing entity's answer is no reply although nothing is wrong with its shape. */
export const wrapperRefusals = {
  "wrapper-error": { source: "XEP-0355 §4.3 N.B.2", meaning: "the managing entity answered the wrapper with an error" },
} as const;

export type WrapperRefusalCode = keyof typeof wrapperRefusals;
