import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { at, documentIn, entriesOf, textAt } from "../support/dashboard.js";
import { execForm, lastOf, readDockerfile } from "../support/dockerfile.js";
import { isRecord } from "../support/peer.js";

const root = join(import.meta.dirname, "..", "..");
const compose = join(root, "deploy", "compose");
const stages = readDockerfile(join(root, "deploy", "docker", "Dockerfile"));
const final = stages.at(-1);
const keysOf = (value: unknown): readonly string[] => (isRecord(value) ? Object.keys(value) : []);
const textsOf = (value: unknown): readonly string[] => entriesOf(value).map(String);

describe("the Dockerfile", () => {
  test("has several stages, each from an image of one version or from another stage", () => {
    expect(stages.length).toBeGreaterThan(2);
    for (const [index, { name, from }] of stages.entries()) {
      expect(name).not.toBe("");
      const earlier = stages.slice(0, index).map((stage) => stage.name);
      if (!earlier.includes(from)) expect(from).toMatch(/^node:[0-9]+\.[0-9]+\.[0-9]+-/);
    }
  });

  test("runs as a number without a name, which is not root", () => {
    for (const stage of [final, stages.find(({ name }) => name === "examples")])
      expect(lastOf(stage, "USER")).toMatch(/^[1-9][0-9]{3,}:[1-9][0-9]{3,}$/);
  });

  test("copies what there is, what the builder is sent, and no more", () => {
    const ignore = readFileSync(join(root, "deploy", "docker", "Dockerfile.dockerignore"), "utf8");
    const sent = [...ignore.matchAll(/^!(.+)$/gm)].map(([, path]) => path);
    expect(ignore).toMatch(/^\*$/m);
    const copied = stages
      .flatMap(({ instructions }) => instructions)
      .filter(({ name, text }) => name === "COPY" && !text.startsWith("--from="))
      .flatMap(({ text }) => text.split(/\s+/).slice(0, -1));
    for (const path of copied) expect(existsSync(join(root, path)), path).toBe(true);
    expect(new Set(sent)).toEqual(new Set(copied));
  });

  test("starts the program without a shell, so that signals reach it, and looks after its health", () => {
    expect(execForm(lastOf(final, "ENTRYPOINT"))[0]).toBe("node");
    expect(execForm(lastOf(final, "CMD"))).toEqual(["run", "-c", "/etc/caesura/proxy.yaml"]);
    expect(lastOf(final, "HEALTHCHECK")).toContain("/livez");
  });

  test("exposes the ports of the composition's listeners", () => {
    const proxy = documentIn(join(compose, "proxy.yaml"));
    const ports = [...entriesOf(at(proxy, "listen")), at(proxy, "admin")].map((one) => String(at(one, "port")));
    expect(new Set(lastOf(final, "EXPOSE").split(" "))).toEqual(new Set(ports));
  });
});

describe("the composition", () => {
  const document: unknown = parse(readFileSync(join(compose, "compose.yaml"), "utf8"), { merge: true });
  const services = at(document, "services");

  test.each(keysOf(services))("%s names only files, stages, networks, volumes and services that there are", (name) => {
    const service = at(services, name);
    const image = textAt(service, "image");
    if (image === "") {
      const context = join(compose, textAt(service, "build", "context"));
      expect(existsSync(join(context, textAt(service, "build", "dockerfile")))).toBe(true);
      expect(stages.map((stage) => stage.name)).toContain(textAt(service, "build", "target"));
    } else expect(image).toMatch(/:v?[0-9]/);
    for (const network of textsOf(at(service, "networks"))) expect(keysOf(at(document, "networks"))).toContain(network);
    for (const other of keysOf(at(service, "depends_on"))) {
      expect(keysOf(services)).toContain(other);
      if (textAt(service, "depends_on", other, "condition") !== "service_healthy") continue;
      // Healthy is only who is asked how he is: here, or by the image.
      const isAsked = at(services, other, "healthcheck") !== undefined;
      expect(isAsked || textAt(services, other, "build", "target") === "caesura", other).toBe(true);
    }
    for (const volume of textsOf(at(service, "volumes"))) {
      const [source = "", target = ""] = volume.split(":");
      expect(target).toMatch(/^\//);
      // Certificates are the operator's to make.
      if (source === "./certs") continue;
      if (source.startsWith(".")) expect(existsSync(join(compose, source)), source).toBe(true);
      else expect(keysOf(at(document, "volumes"))).toContain(source);
    }
  });

  test("publishes no port of the server, and keeps Grafana and the administration port to this machine", () => {
    expect(at(services, "prosody", "ports")).toBeUndefined();
    expect(textsOf(at(services, "prosody", "networks"))).toEqual(["behind"]);
    expect(at(document, "networks", "behind", "internal")).toBe(true);
    for (const port of textsOf(at(services, "grafana", "ports"))) expect(port).toMatch(/^127\.0\.0\.1:/);
    expect(textAt(services, "grafana", "environment", "GF_AUTH_DISABLE_LOGIN_FORM")).toBe("true");
    expect(textsOf(at(services, "caesura", "ports")).join(" ")).not.toContain("9199");
  });

  test("holds no secret: Prosody and the entity share one of the environment", () => {
    const secret = "${COMPONENT_SECRET:?make the file .env first}";
    for (const name of ["prosody", "entity"])
      expect(textAt(services, name, "environment", "COMPONENT_SECRET"), name).toBe(secret);
    expect(readFileSync(join(compose, "prosody.cfg.lua"), "utf8")).toContain("component_secret = ENV_COMPONENT_SECRET");
    expect(readFileSync(join(compose, "compose.yaml"), "utf8")).toContain("COMPONENT_SECRET=$(openssl rand");
  });

  test("lets Caesura and the entity write nothing and gain nothing", () => {
    for (const name of ["caesura", "entity"]) {
      expect(at(services, name, "read_only"), name).toBe(true);
      expect(textsOf(at(services, name, "cap_drop"))).toEqual(["ALL"]);
      expect(textsOf(at(services, name, "security_opt"))).toEqual(["no-new-privileges:true"]);
    }
  });

  test("lets Prometheus scrape Caesura, and Grafana ask Prometheus for the dashboard that is mounted", () => {
    const proxy = documentIn(join(compose, "proxy.yaml"));
    const scrape = at(documentIn(join(compose, "prometheus.yml")), "scrape_configs", 0);
    expect(textAt(scrape, "job_name")).toBe("caesura");
    expect(textAt(scrape, "static_configs", 0, "targets", 0)).toBe(`caesura:${String(at(proxy, "admin", "port"))}`);
    const shares = (one: string, other: string): boolean =>
      textsOf(at(services, one, "networks")).some((network) =>
        textsOf(at(services, other, "networks")).includes(network),
      );
    expect(shares("prometheus", "caesura") && shares("grafana", "prometheus") && shares("entity", "caesura")).toBe(
      true,
    );
    const provisioning = join(compose, "grafana", "provisioning");
    const source = at(documentIn(join(provisioning, "datasources", "prometheus.yaml")), "datasources", 0);
    expect(textAt(source, "url")).toBe("http://prometheus:9090");
    const provider = at(documentIn(join(provisioning, "dashboards", "caesura.yaml")), "providers", 0);
    const mounted = textsOf(at(services, "grafana", "volumes")).find((volume) => volume.startsWith("../grafana:"));
    expect(mounted?.split(":")[1]).toBe(textAt(provider, "options", "path"));
    expect(textAt(services, "grafana", "environment", "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH")).toBe(
      `${textAt(provider, "options", "path")}/caesura.json`,
    );
    const rules = textsOf(at(services, "prometheus", "volumes")).find((volume) => volume.includes("caesura.rules.yml"));
    expect(rules?.split(":")[0]).toBe("../prometheus/caesura.rules.yml");
  });
});
