import type { NestingScope } from "../../discovery/index.js";
import { answerForNamespace, nestingNode, readDiscoInfo } from "../../discovery/index.js";
import type { DelegationRule } from "../../rules/index.js";
import { attributeOf, Element, findChild } from "../../xml/index.js";
import { NS } from "../../xmpp/index.js";
import type { Carrier } from "./carrier.js";
import type { BoundSession } from "./bound-session.js";
import type { Domain } from "../domain/domain.js";
import type { DiscoveryOutcome, HubEnvironment } from "./hub-types.js";
import type { Questions } from "./questions.js";

/** How long an entity, or the server, may take to say what it is. */
const ANSWER_MS = 30_000;

/** Asks managing entities what they have to say in discovery, and the server what it says by itself (XEP-0355 §7.2). */
export class Discovery {
  readonly #env: HubEnvironment;

  constructor(env: HubEnvironment) {
    this.#env = env;
  }

  /**
   * An entity is there, or what is delegated has changed: it is asked on each of its namespaces, once each (D51), and the
   * server over the same link.
   */
  ask(carrier: Carrier, domains: Iterable<Domain>): void {
    for (const domain of domains) {
      const rules = carrier.entities.flatMap((entity) => domain.settings.rules.rulesOf(entity));
      for (const rule of rules) {
        this.#askOn(carrier, domain, rule, "domain");
        this.#askOn(carrier, domain, rule, "account");
      }
      const { server } = carrier;
      if (rules.length > 0 && server !== undefined) this.askServer(domain, carrier.kind, server);
    }
  }

  /**
   * Asks the server what the domain is, so that the hashes of its features can be checked and computed anew.
   *
   * Shape   `server` are the questions of a client's or component's stream.
   */
  askServer(domain: Domain, asker: "component" | "client", server: Questions): void {
    if (!domain.discovery.isActive) return;
    const iq = new Element("iq", { type: "get", to: domain.name });
    iq.c("query", { xmlns: NS.discoInfo });
    server.ask(iq, ANSWER_MS, (answer) => {
      const query = answer && attributeOf(answer, "type") === "result" && findChild(answer, "query", NS.discoInfo);
      if (query) domain.discovery.learn(asker, query);
    });
  }

  /**
   * A client was given no hash of the server's answer, because nobody knows that answer: its server is asked in its name.
   * Not before the client is bound and it is known whether the server counts its stanzas from there on (XEP-0198 §9).
   */
  explore(session: BoundSession | undefined): void {
    if (session?.domain.discovery.wantsOwn !== true || !session.isReachable) return;
    this.askServer(session.domain, "client", session.server);
  }

  /** Users have delegated a namespace to an entity: it is asked what it has to say of their accounts (XEP-0355 §9). */
  askGranted(carrier: Carrier, domain: Domain, entity: string, namespace: string): void {
    this.#question(carrier, domain, namespace, "account", (answer) => {
      const isResult = answer !== undefined && attributeOf(answer, "type") === "result";
      const query = isResult ? findChild(answer, "query", NS.discoInfo) : undefined;
      domain.grantedDiscovery.answered(entity, namespace, query, domain.discovery.limits);
    });
  }

  #askOn(carrier: Carrier, domain: Domain, rule: DelegationRule, scope: NestingScope): void {
    this.#question(carrier, domain, rule.namespace, scope, (answer) => {
      this.#answered(domain, rule, scope, answer, carrier.connection);
    });
  }

  #question(
    carrier: Carrier,
    domain: Domain,
    namespace: string,
    scope: NestingScope,
    answered: (answer: Element | undefined) => void,
  ): void {
    const node = nestingNode(namespace, scope);
    if (node === undefined) return;
    const iq = new Element("iq", { type: "get", from: domain.name, to: carrier.address });
    iq.c("query", { xmlns: NS.discoInfo, node });
    carrier.questions.ask(
      iq,
      ANSWER_MS,
      (answer) => {
        // A link that ended says nothing about the entity: what it said before stands until it is back.
        if (answer !== undefined || !carrier.questions.isOver) answered(answer);
      },
      // A user whose stream was lost meanwhile is asked, and answers, when it is resumed (XEP-0198 §5).
      answered,
    );
  }

  #answered(
    domain: Domain,
    rule: DelegationRule,
    scope: NestingScope,
    answer: Element | undefined,
    connection: string,
  ): void {
    const { namespace, entity, identities } = rule;
    const report = (outcome: DiscoveryOutcome, leftOut = 0): void => {
      const about = { connection, domain: domain.name, entity, rule: namespace, scope };
      this.#env.report({ kind: "discovery", ...about, outcome, leftOut });
    };
    const query = answer && findChild(answer, "query", NS.discoInfo);
    if (answer === undefined || query === undefined || attributeOf(answer, "type") !== "result") {
      domain.discovery.answered(rule, scope, undefined);
      report(answer === undefined ? "silent" : "error");
      return;
    }
    const info = readDiscoInfo(query, { limits: domain.discovery.limits });
    domain.discovery.answered(rule, scope, info);
    const others = domain.settings.rules.rules.map((one) => ({ ...one, info: undefined }));
    const { refused } = answerForNamespace({ namespace, entity, identities, info }, others);
    const leftOut = Object.values(refused).reduce((sum, count) => sum + count, 0);
    report("answered", leftOut + info.leftOut.malformed + info.leftOut.beyondLimits);
  }
}
