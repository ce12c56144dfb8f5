import { attributeOf, childElements, Element, findChild } from "../xml/index.js";
import { NS } from "../xmpp/index.js";
import { GRANTED, grantForm, readChoices, readSubmittedForm } from "./grant-form.js";
import type { Grant } from "./grant.js";
import type { GrantCommandRefusal } from "./grant-refusals.js";
import { featureName, type GrantTexts } from "./grant-texts.js";

/** One request to execute the command, and who sent it. */
export interface GrantCommandRequest {
  /** `<command/>` in normal form. */
  readonly command: Element;
  /** The full JID: a session of a command belongs to one resource (XEP-0050 §3.3). */
  readonly requester: string;
  /** What the user has delegated now. */
  readonly grants: readonly Grant[];
  readonly texts: GrantTexts;
  /** Unguessable; the name of the session, if this begins one. */
  readonly sessionId: string;
  readonly now: number;
}

export type GrantCommandOutcome =
  | { readonly kind: "reply"; readonly command: Element }
  /** The grants are to be revoked; `done` makes the reply, once it is known whether that could be stored. */
  | {
      readonly kind: "revoke";
      readonly grants: readonly Grant[];
      readonly done: (isStored: boolean) => Element;
    }
  | { readonly kind: "refuse"; readonly code: GrantCommandRefusal };

export interface CommandLimits {
  readonly total: number;
  readonly perRequester: number;
  readonly lifeMs: number;
}

export const DEFAULT_COMMAND_LIMITS: CommandLimits = { total: 1_000, perRequester: 4, lifeMs: 10 * 60_000 };

interface Session {
  readonly requester: string;
  /** What was shown; only that can be revoked. */
  readonly shown: readonly Grant[];
  readonly expiresAt: number;
}

/**
 * The command by which users see what they have delegated, and take it back.
 *
 * Shape   one step: `execute` shows a form with a question for each grant, `complete` with the form revokes those that were
 *         answered with no, `cancel` forgets it. Without grants there is nothing to fill in, and the first step is the last.
 * Units   times are milliseconds of any clock that never runs backwards.
 * Source  XEP-0355 §6; XEP-0050 §2.4, §3, §4; protocol.md D65.
 */
export class GrantCommands {
  readonly #limits: CommandLimits;
  /** In the order in which they began, which is that of their end. */
  readonly #sessions = new Map<string, Session>();
  readonly #perRequester = new Map<string, number>();

  constructor(limits: CommandLimits = DEFAULT_COMMAND_LIMITS) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#sessions.size;
  }

  execute(request: GrantCommandRequest): GrantCommandOutcome {
    const { command } = request;
    const action = attributeOf(command, "action") ?? "execute";
    const sessionId = attributeOf(command, "sessionid");
    if (!isAction(action)) return refuse("grant-command-malformed-action");
    if (sessionId === undefined) {
      return action === "execute" ? this.#begin(request) : refuse("grant-command-bad-action");
    }
    const session = this.#sessions.get(sessionId);
    if (session === undefined || session.requester !== request.requester) return refuse("grant-command-bad-session");
    if (session.expiresAt <= request.now) {
      this.#end(sessionId, session);
      return refuse("grant-command-session-expired");
    }
    switch (action) {
      case "cancel":
        this.#end(sessionId, session);
        return { kind: "reply", command: reply(sessionId, "canceled") };
      case "prev":
      case "next":
        return refuse("grant-command-bad-action");
      case "execute":
      case "complete":
        // XEP-0050 §3.4: within a session `execute` is the default action, which is `complete`.
        return this.#complete(request, sessionId, session);
      default:
        return action satisfies never;
    }
  }

  /** Client mode was switched off, or a requester is gone for ever. */
  clear(): void {
    this.#sessions.clear();
    this.#perRequester.clear();
  }

  #begin({ requester, grants, texts, sessionId, now }: GrantCommandRequest): GrantCommandOutcome {
    if (grants.length === 0) {
      const command = reply(sessionId, "completed");
      command.c("note", { type: "info" }).t(texts.nothingGranted);
      return { kind: "reply", command };
    }
    this.#expire(now);
    const ofRequester = this.#perRequester.get(requester) ?? 0;
    if (this.#sessions.size >= this.#limits.total) return refuse("grant-command-too-many");
    if (ofRequester >= this.#limits.perRequester) return refuse("grant-command-too-many");
    this.#sessions.set(sessionId, { requester, shown: grants, expiresAt: now + this.#limits.lifeMs });
    this.#perRequester.set(requester, ofRequester + 1);
    const command = reply(sessionId, "executing");
    command.c("actions", { execute: "complete" }).c("complete");
    const choices = grants.map(({ namespace, entity }) => {
      const label = texts.managedBy(featureName(texts, namespace), entity);
      return { namespace, label, value: GRANTED } as const;
    });
    const about = {
      title: texts.commandName,
      instructions: texts.commandInstructions,
      formType: NS.delegationConfigure,
    };
    command.cnode(grantForm(about, [], choices, texts));
    return { kind: "reply", command };
  }

  #complete({ command, grants, texts }: GrantCommandRequest, sessionId: string, session: Session): GrantCommandOutcome {
    const form = readSubmittedForm(command);
    if (form === undefined || ![undefined, "", FORM_TYPE].includes(form.formType)) {
      return refuse("grant-command-bad-payload");
    }
    if (form.type === "cancel") {
      this.#end(sessionId, session);
      return { kind: "reply", command: reply(sessionId, "canceled") };
    }
    const named = session.shown.map(({ namespace }) => namespace);
    const choices = readChoices(form.fields, named);
    if (choices === undefined) return refuse("grant-command-bad-payload");
    this.#end(sessionId, session);
    // A grant that has gone to another entity since was not shown.
    const revoked = session.shown.filter(
      ({ namespace, entity }) =>
        choices.refused.includes(namespace) &&
        grants.some((grant) => grant.namespace === namespace && grant.entity === entity),
    );
    const done = (isStored: boolean): Element => {
      const completed = reply(sessionId, "completed");
      const text = isStored ? texts.revoked(revoked.length) : texts.revokedForNow;
      completed.c("note", { type: isStored ? "info" : "warn" }).t(text);
      return completed;
    };
    return revoked.length === 0 ? { kind: "reply", command: done(true) } : { kind: "revoke", grants: revoked, done };
  }

  #expire(now: number): void {
    for (const [id, session] of this.#sessions) {
      if (now < session.expiresAt) return;
      this.#end(id, session);
    }
  }

  #end(id: string, { requester }: Session): void {
    this.#sessions.delete(id);
    const left = (this.#perRequester.get(requester) ?? 1) - 1;
    if (left > 0) this.#perRequester.set(requester, left);
    else this.#perRequester.delete(requester);
  }
}

const FORM_TYPE: string = NS.delegationConfigure;

/** The command in a request for it; undefined if it is another one, which the server knows. */
export function grantCommandOf(iq: Element): Element | undefined {
  const command = findChild(iq, "command", NS.commands);
  if (command === undefined || childElements(iq).length !== 1) return undefined;
  return attributeOf(command, "node") === NS.delegationConfigure ? command : undefined;
}

const ACTIONS = ["execute", "complete", "cancel", "prev", "next"] as const;

function isAction(action: string): action is (typeof ACTIONS)[number] {
  return ACTIONS.some((known) => known === action);
}

function reply(sessionId: string, status: "executing" | "completed" | "canceled"): Element {
  return new Element("command", { xmlns: NS.commands, node: NS.delegationConfigure, sessionid: sessionId, status });
}

function refuse(code: GrantCommandRefusal): GrantCommandOutcome {
  return { kind: "refuse", code };
}
