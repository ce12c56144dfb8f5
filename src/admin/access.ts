import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isLoopback, type Secret } from "../config/index.js";
import type { Caller } from "./api.js";

/** Why a request over the port is turned away; a closed set, the `reason` label of `caesura_admin_refused_total`. */
export const accessRefusals = ["token", "host", "origin", "readers", "slow_reader"] as const;
export type AccessRefusal = (typeof accessRefusals)[number];

export type Access =
  | { readonly kind: "granted"; readonly caller: Caller }
  | {
      readonly kind: "refused";
      readonly reason: "token" | "host" | "origin";
      readonly status: 401 | 403;
      readonly text: string;
    };

/**
 * Who may see what names users, over the port.
 *
 * On loopback one is a reader without a secret, under a name that only this machine has: a page of another site, which a
 * browser was made to ask here by its DNS, has its own name in `Host`. Everybody else shows the token. Changes are asked by
 * the page itself or by a program, never by another site's page.
 *
 * Source  RFC 9110 §7.2 (Host), §11 (Authorization); RFC 7617 (Basic), RFC 6750 §2.1 (Bearer); RFC 6454 §7 (Origin).
 */
export function accessOf(request: IncomingMessage, token: Secret | undefined): Access {
  const host = request.headers.host ?? "";
  const isChange = request.method !== "GET" && request.method !== "HEAD";
  if (isChange && !isSameOrigin(request, host))
    return refused("origin", 403, "Changes are not taken from pages of other origins.");
  if (!isChange && isTakenByForeignPage(request))
    return refused("origin", 403, "Pages of other origins may lead here, and take nothing from here.");
  const shown = tokenIn(request.headers.authorization);
  if (token !== undefined && shown !== undefined) {
    return isEqual(shown, token.reveal()) ? { kind: "granted", caller: "operator" } : WRONG_TOKEN;
  }
  if (isFromHere(request)) {
    if (isLoopback(hostnameOf(host))) return { kind: "granted", caller: "reader" };
    if (token === undefined)
      return refused("host", 403, "Ask for localhost or 127.0.0.1, or configure admin.tokenFile.");
  }
  if (token === undefined)
    return refused("token", 403, "This is shown to other machines with a token only, and admin.tokenFile names none.");
  return WRONG_TOKEN;
}

const WRONG_TOKEN: Access = refused("token", 401, "This needs the token of admin.tokenFile.");

function refused(reason: "token" | "host" | "origin", status: 401 | 403, text: string): Access {
  return { kind: "refused", reason, status, text };
}

/** Both ends are on this machine, and nobody says that the request came from elsewhere. */
function isFromHere({ socket, headers }: IncomingMessage): boolean {
  const isForwarded = ["forwarded", "x-forwarded-for", "x-real-ip", "via"].some((name) => headers[name] !== undefined);
  return !isForwarded && isLoopback(socket.remoteAddress ?? "") && isLoopback(socket.localAddress ?? "");
}

/** The host of a `Host` header, without its port and brackets. */
function hostnameOf(host: string): string {
  const [, bracketed, plain] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(host) ?? [];
  return bracketed ?? plain ?? "";
}

/** A browser says where a request comes from; a program says nothing. */
function isSameOrigin({ headers }: IncomingMessage, host: string): boolean {
  const site = headers["sec-fetch-site"];
  if (site !== undefined && site !== "same-origin" && site !== "none") return false;
  // A form of another site cannot say this without the browser asking first.
  if (!/^application\/json\b/i.test(headers["content-type"] ?? "")) return false;
  const { origin } = headers;
  return origin === undefined || origin === `http://${host}` || origin === `https://${host}`;
}

/** Such a page could read nothing, but take the places of readers. Whoever follows its link is welcome. */
function isTakenByForeignPage({ headers }: IncomingMessage): boolean {
  const site = headers["sec-fetch-site"];
  return site !== undefined && site !== "same-origin" && site !== "none" && headers["sec-fetch-mode"] !== "navigate";
}

function tokenIn(authorization: string | undefined): string | undefined {
  const [, scheme = "", value = ""] = /^(Bearer|Basic) +([A-Za-z0-9+/=._~-]{1,4096})$/i.exec(authorization ?? "") ?? [];
  if (scheme === "") return authorization === undefined ? undefined : "";
  if (scheme.toLowerCase() === "bearer") return value;
  const pair = Buffer.from(value, "base64").toString("utf8");
  return pair.slice(pair.indexOf(":") + 1);
}

/** In a time that says nothing of either, their lengths included. */
function isEqual(one: string, other: string): boolean {
  return timingSafeEqual(digest(one), digest(other));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
