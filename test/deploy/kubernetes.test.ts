import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { loadConfig } from "../../src/config/index.js";
import { pem, workspace } from "../config/workspace.js";
import { at, documentIn, entriesOf, textAt } from "../support/dashboard.js";
import { isRecord } from "../support/peer.js";

const folder = join(import.meta.dirname, "..", "..", "deploy", "kubernetes");
const kustomization = documentIn(join(folder, "kustomization.yaml"));
const files = entriesOf(at(kustomization, "resources")).map(String);
const resources = files.flatMap((file) =>
  parseAllDocuments(readFileSync(join(folder, file), "utf8")).map((document): unknown => {
    expect(document.errors, file).toEqual([]);
    return document.toJS();
  }),
);

function all(kind: string): readonly unknown[] {
  return resources.filter((resource) => textAt(resource, "kind") === kind);
}

function only(kind: string): unknown {
  expect(all(kind)).toHaveLength(1);
  return all(kind)[0];
}

const pod = at(only("Deployment"), "spec", "template", "spec");
const container = at(pod, "containers", 0);
const podLabels = at(only("Deployment"), "spec", "template", "metadata", "labels");
const ports = new Map(
  entriesOf(at(container, "ports")).map((port) => [textAt(port, "name"), Number(at(port, "containerPort"))]),
);

/** True if a thing with these labels is among those that a selector selects. */
function selects(selector: unknown, labels: unknown): boolean {
  return (
    isRecord(selector) && isRecord(labels) && Object.entries(selector).every(([key, value]) => labels[key] === value)
  );
}

/** The configuration of the pod; what it mounts is in a folder of the test. */
function config() {
  const space = workspace();
  space.write("tls/tls.crt", pem("capulet.crt"));
  space.write("tls/tls.key", pem("capulet.key"));
  space.write("components/pubsub.capulet.lit", "but soft\n");
  const text = readFileSync(join(folder, "proxy.yaml"), "utf8").replaceAll("/etc/caesura/", `${space.folder}/`);
  writeFileSync(space.file, text);
  const loaded = loadConfig(space.file, { env: {}, nowMs: Date.parse("2050-01-01T00:00:00Z") });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems, undefined, 2));
  return loaded.config;
}

describe("the resources of Kubernetes", () => {
  test("are each of a kind and a version, with a name that is there once", () => {
    expect(resources.length).toBeGreaterThan(8);
    const names = resources.map((one) => `${textAt(one, "kind")}/${textAt(one, "metadata", "name")}`);
    expect(new Set(names).size).toBe(names.length);
    for (const one of resources) expect(textAt(one, "apiVersion")).toMatch(/^([a-z.0-9]+\/)?v[0-9]/);
  });

  test("listen where the configuration says, by the names of the container's ports", () => {
    const { listen, admin } = config();
    expect(new Set(listen.map(({ port }) => port))).toEqual(
      new Set(["c2s-starttls", "c2s-direct", "component"].map((name) => ports.get(name))),
    );
    expect(admin?.port).toBe(ports.get("admin"));
    // Names of ports have fifteen characters at the most.
    for (const name of ports.keys()) expect(name).toMatch(/^[a-z](-?[a-z0-9]){0,14}$/);
  });

  test("select the pods of the deployment, and name its ports", () => {
    const deployment = only("Deployment");
    expect(selects(at(deployment, "spec", "selector", "matchLabels"), podLabels)).toBe(true);
    expect(selects(at(only("PodDisruptionBudget"), "spec", "selector", "matchLabels"), podLabels)).toBe(true);
    for (const service of all("Service")) {
      expect(selects(at(service, "spec", "selector"), podLabels)).toBe(true);
      for (const port of entriesOf(at(service, "spec", "ports"))) {
        expect(ports.get(textAt(port, "targetPort"))).toBe(at(port, "port"));
      }
    }
    const policy = all("NetworkPolicy").find((one) => textAt(one, "metadata", "name") === "caesura");
    expect(selects(at(policy, "spec", "podSelector", "matchLabels"), podLabels)).toBe(true);
    const admitted = entriesOf(at(policy, "spec", "ingress")).flatMap((rule) =>
      entriesOf(at(rule, "ports")).map((port) => textAt(port, "port")),
    );
    expect(new Set(admitted)).toEqual(new Set(ports.keys()));
  });

  test("give neither the component port nor the administration port to everybody", () => {
    const outside = all("Service").filter((service) => textAt(service, "spec", "type") === "LoadBalancer");
    expect(outside).toHaveLength(1);
    const shown = outside.flatMap((service) =>
      entriesOf(at(service, "spec", "ports")).map((one) => textAt(one, "name")),
    );
    expect(shown).toEqual(["c2s-starttls", "c2s-direct"]);
    const policy = all("NetworkPolicy").find((one) => textAt(one, "metadata", "name") === "caesura");
    for (const rule of entriesOf(at(policy, "spec", "ingress"))) {
      const names = entriesOf(at(rule, "ports")).map((port) => textAt(port, "port"));
      if (names.includes("component") || names.includes("admin")) expect(entriesOf(at(rule, "from"))).toHaveLength(1);
    }
  });

  test("let Caesura reach the server's ports, and nobody else", () => {
    const { server } = config().domains[0] ?? {};
    const [caesura, behind] = all("NetworkPolicy");
    const out = entriesOf(at(caesura, "spec", "egress")).find((rule) => at(rule, "to", 0, "podSelector") !== undefined);
    expect(at(out, "ports", 0, "port")).toBe(server?.c2s.port);
    expect(at(behind, "spec", "podSelector")).toEqual(at(out, "to", 0, "podSelector"));
    expect(selects(at(behind, "spec", "ingress", 0, "from", 0, "podSelector", "matchLabels"), podLabels)).toBe(true);
    expect(at(behind, "spec", "ingress", 0, "ports", 0, "port")).toBe(server?.c2s.port);
  });

  test("wait for as long as draining may take", () => {
    const { timeouts } = config();
    const words = entriesOf(at(container, "lifecycle", "preStop", "exec", "command")).map(String);
    const pauseMs = Number(/, ([0-9]+)\)$/.exec(words.at(-1) ?? "")?.[1]);
    const most = (pauseMs + timeouts.shutdownMs + timeouts.drainMs) / 1000;
    expect(Number(at(pod, "terminationGracePeriodSeconds"))).toBeGreaterThan(most);
    const probe = at(container, "readinessProbe");
    expect(pauseMs / 1000).toBeGreaterThan(Number(at(probe, "periodSeconds")) * Number(at(probe, "failureThreshold")));
  });

  test("ask for health where it is told", () => {
    const paths = ["startupProbe", "livenessProbe", "readinessProbe"].map((name) => {
      expect(ports.has(textAt(container, name, "httpGet", "port"))).toBe(true);
      return textAt(container, name, "httpGet", "path");
    });
    expect(paths).toEqual(["/livez", "/livez", "/readyz"]);
  });

  test("mount what the configuration names, and nothing that can be written", () => {
    const volumes = entriesOf(at(pod, "volumes")).map((volume) => textAt(volume, "name"));
    const mounts = entriesOf(at(container, "volumeMounts"));
    expect(mounts.map((mount) => textAt(mount, "name"))).toEqual(volumes);
    for (const mount of mounts) expect(at(mount, "readOnly")).toBe(true);
    const text = readFileSync(join(folder, "proxy.yaml"), "utf8");
    const paths = mounts.map((mount) => textAt(mount, "mountPath"));
    for (const [file] of text.matchAll(/\/etc\/caesura\/[a-z]+/g)) expect(paths).toContain(file);
    expect(entriesOf(at(container, "args"))).toContain("/etc/caesura/config/proxy.yaml");
    const generated = at(kustomization, "configMapGenerator", 0);
    expect(textAt(generated, "name")).toBe(textAt(pod, "volumes", 0, "configMap", "name"));
    // YAML 1.1 and 1.2 read 0440 as different numbers.
    for (const nth of [1, 2]) expect(at(pod, "volumes", nth, "secret", "defaultMode")).toBe(0o440);
  });

  test("satisfy the strictest standard for pods that the namespace enforces", () => {
    expect(at(only("Namespace"), "metadata", "labels")).toEqual({
      "pod-security.kubernetes.io/enforce": "restricted",
    });
    expect(at(pod, "securityContext", "runAsNonRoot")).toBe(true);
    expect(at(pod, "securityContext", "seccompProfile", "type")).toBe("RuntimeDefault");
    expect(at(container, "securityContext")).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    const dockerfile = readFileSync(join(folder, "..", "docker", "Dockerfile"), "utf8");
    expect(dockerfile).toContain(`USER ${String(at(pod, "securityContext", "runAsUser"))}:`);
  });

  test("let Prometheus find the metrics, under a job that the alerts know", () => {
    const monitor = only("ServiceMonitor");
    const found = all("Service").filter((service) =>
      selects(at(monitor, "spec", "selector", "matchLabels"), at(service, "metadata", "labels")),
    );
    expect(found).toHaveLength(1);
    const names = entriesOf(at(found[0], "spec", "ports")).map((port) => textAt(port, "name"));
    expect(names).toContain(textAt(monitor, "spec", "endpoints", 0, "port"));
    const label = textAt(monitor, "spec", "jobLabel");
    expect(textAt(kustomization, "labels", 0, "pairs", label)).toMatch(/^caesura/);
  });
});
