import { Caesura, type CaesuraOptions } from "./caesura.js";
import { type ComponentOptions, connectComponent, login, type LoginOptions } from "./login.js";
import { ManagingEntity } from "./managing-entity.js";
import { type Prosody, type ProsodyOptions, startProsody } from "./prosody.js";
import type { XmppStream } from "./xmpp-stream.js";

/** The managing entity of most tests, its secret, and the namespace that it manages. */
export const entityJid = "verse.capulet.lit";
export const secret = "but soft";
export const verseNs = "urn:example:verse";

/** A request in the delegated namespace; `to` absent: the sender's own account. */
export function verseIq(id: string, to?: string, more = ""): string {
  return `<iq type='get' id='${id}'${to === undefined ? "" : ` to='${to}'`}${more}><line xmlns='${verseNs}' n='1'/></iq>`;
}

/** Caesura in front of a server, and the peers that a test has connected to them. */
export class Scene {
  readonly caesura: Caesura;
  readonly #server: { stop(): Promise<void> };
  #streams: XmppStream[] = [];

  private constructor(caesura: Caesura, server: { stop(): Promise<void> }) {
    this.caesura = caesura;
    this.#server = server;
  }

  /** Puts Caesura in front of a server that runs already; the scene owns both. */
  static async before(server: { stop(): Promise<void> }, options: CaesuraOptions): Promise<Scene> {
    try {
      return new Scene(await Caesura.start(options), server);
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** Caesura in front of Prosody without delegation, one namespace delegated to one component. */
  static async withProsody(options: Partial<CaesuraOptions> = {}, prosody: ProsodyOptions = {}): Promise<Scene> {
    const server: Prosody = await startProsody({
      components: { [entityJid]: secret, "echo.capulet.lit": secret },
      ...prosody,
    });
    return Scene.before(server, {
      behind: { c2sPort: server.c2sPort, componentPort: server.componentPort },
      delegations: { [verseNs]: { jid: entityJid } },
      ...options,
    });
  }

  /** Logs in through Caesura, in clear unless told otherwise. */
  async login(user: string, options: Partial<LoginOptions> = {}): Promise<XmppStream> {
    const transport = options.transport ?? "clear";
    const ports = {
      clear: this.caesura.ports.clear,
      starttls: this.caesura.ports.starttls,
      direct: this.caesura.ports.direct,
    };
    const ca = this.caesura.ca(options.domain);
    return this.owning(await login({ port: ports[transport], user, ca, ...options }));
  }

  /** Connects a component through Caesura. */
  async component(jid = entityJid, options: Partial<ComponentOptions> = {}): Promise<XmppStream> {
    return this.owning(await connectComponent({ port: this.caesura.ports.component, jid, secret, ...options }));
  }

  /** Connects a managing entity through Caesura, and takes its advertisement. */
  async entity(jid = entityJid, options: Partial<ComponentOptions> = {}): Promise<ManagingEntity> {
    const entity = new ManagingEntity(await this.component(jid, options));
    await entity.advertisement();
    return entity;
  }

  /** Ends `stream` with the scene, or before at `clear`. */
  owning(stream: XmppStream): XmppStream {
    this.#streams.push(stream);
    return stream;
  }

  /** Ends all streams of the test that is over, and waits until the server has let go of them. */
  async clear(): Promise<void> {
    const streams = this.#streams;
    this.#streams = [];
    await Promise.all(
      streams.map(async (stream) => {
        try {
          stream.intercept = undefined;
          await stream.close();
        } catch {
          stream.drop();
        }
      }),
    );
  }

  async stop(): Promise<void> {
    for (const stream of this.#streams) stream.drop();
    await this.caesura.stop();
    await this.#server.stop();
  }
}
