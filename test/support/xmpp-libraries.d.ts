// The libraries of xmpp.js come without types. What the tests and the demonstration use of them.

declare module "@xmpp/client" {
  import type { EventEmitter } from "node:events";
  import type { Element } from "ltx";

  export interface Entity extends EventEmitter {
    readonly jid: { toString(): string } | null;
    readonly iqCaller: { request(iq: Element, timeoutMs?: number): Promise<Element> };
    readonly iqCallee: {
      get(namespace: string, name: string, handler: (context: { stanza: Element; element: Element }) => unknown): void;
      set(namespace: string, name: string, handler: (context: { stanza: Element; element: Element }) => unknown): void;
    };
    readonly reconnect: { stop(): void };
    start(): Promise<unknown>;
    stop(): Promise<unknown>;
    send(element: Element): Promise<unknown>;
  }

  export interface ClientOptions {
    readonly service: string;
    readonly domain: string;
    readonly username: string;
    readonly password: string;
    readonly resource?: string;
  }

  export function client(options: ClientOptions): Entity;
  export function xml(name: string, attributes?: Record<string, string>, ...children: (Element | string)[]): Element;
}

declare module "@xmpp/component" {
  import type { Entity } from "@xmpp/client";

  export interface ComponentOptions {
    readonly service: string;
    readonly domain: string;
    readonly password: string;
  }

  export function component(options: ComponentOptions): Entity;
  export { xml } from "@xmpp/client";
}
