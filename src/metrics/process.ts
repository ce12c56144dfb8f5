import { monitorEventLoopDelay, performance, PerformanceObserver, type IntervalHistogram } from "node:perf_hooks";
import type { Families } from "./families.js";

/** What a process is made of, chosen by hand: some of prom-client's defaults break the naming rules of promtool. */
export function declareProcess(families: Families, build: { readonly version: string }): { stop(): void } {
  families.gauge(
    {
      name: "caesura_build_info",
      help: "Version of Caesura and of Node that runs it, always 1",
      labels: ["version", "node"],
    },
    (sample) => sample(1, build.version, process.version),
  );
  declareResources(families);
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  declareEventLoop(families, delay);
  const collections = declareCollections(families);
  return {
    stop: () => {
      delay.disable();
      collections.disconnect();
    },
  };
}

function declareResources(families: Families): void {
  families.counter(
    { name: "process_cpu_seconds_total", help: "CPU time of the process, user and system", labels: [] },
    (sample) => {
      const { user, system } = process.cpuUsage();
      sample((user + system) / 1e6);
    },
  );
  families.gauge(
    { name: "process_start_time_seconds", help: "Start of the process, seconds since the epoch", labels: [] },
    (sample) => sample(performance.timeOrigin / 1000),
  );
  families.gauge(
    { name: "process_resident_memory_bytes", help: "Memory of the process in RAM", labels: [] },
    (sample) => sample(process.memoryUsage.rss()),
  );
  families.gauge({ name: "nodejs_memory_bytes", help: "Memory of V8 by kind", labels: ["kind"] }, (sample) => {
    const { heapTotal, heapUsed, external, arrayBuffers } = process.memoryUsage();
    sample(heapTotal, "heap_total");
    sample(heapUsed, "heap_used");
    sample(external, "external");
    sample(arrayBuffers, "array_buffers");
  });
}

const resolutionMs = 20;
// Not `quantile`: that label is reserved for summaries.
const ranks = { median: 50, p90: 90, p99: 99 } as const;

function declareEventLoop(families: Families, delay: IntervalHistogram): void {
  families.gauge(
    {
      name: "nodejs_eventloop_delay_seconds",
      help: "How late timers of the event loop fire, by rank, since the previous scrape",
      labels: ["rank"],
    },
    (sample) => {
      for (const [rank, percent] of Object.entries(ranks)) sample(late(delay.percentile(percent)), rank);
      sample(late(delay.max), "max");
      delay.reset();
    },
  );
  let before = performance.eventLoopUtilization();
  families.gauge(
    {
      name: "nodejs_eventloop_utilization_ratio",
      help: "Share of the time since the previous scrape in which the event loop worked",
      labels: [],
    },
    (sample) => {
      const now = performance.eventLoopUtilization();
      sample(performance.eventLoopUtilization(now, before).utilization);
      before = now;
    },
  );
}

/** In seconds. What Node measures is the time from one tick of its own timer to the next. */
function late(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - resolutionMs / 1000);
}

function declareCollections(families: Families): PerformanceObserver {
  const histogram = families.histogram(
    { name: "nodejs_gc_pause_seconds", help: "Pauses for garbage collection", labels: [] },
    [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5],
  );
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) histogram.observe(duration / 1000);
  });
  observer.observe({ entryTypes: ["gc"] });
  return observer;
}
