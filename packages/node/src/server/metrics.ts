/**
 * What the server tells Prometheus, in a registry of its own: two servers in one process do not share figures. Log
 * gauges are read when they are asked for.
 */
import { Counter, Histogram, Registry } from "prom-client";
import { measureCopies } from "./copy-metrics.ts";
import { gauge } from "./gauge.ts";
import { headIfAny } from "./node-status.ts";
import type { MeasuredParts } from "./parts.ts";
import { measureStandings } from "./standing-metrics.ts";

export class ServerMetrics {
  readonly registry = new Registry();
  readonly #seconds = new Histogram({
    name: "trustix_rpc_seconds",
    help: "Calls answered by method and code (`ok` or an RPC code), and the time from headers to answer",
    labelNames: ["method", "code"],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [this.registry],
  });
  readonly #dropped = new Counter({
    name: "trustix_connections_dropped_total",
    help: "Connections closed because a listener had too many",
    labelNames: ["listener"],
    registers: [this.registry],
  });

  constructor(parts: MeasuredParts, inFlight: () => number) {
    gauge(this.registry, "trustix_rpc_in_flight", "Calls being answered", [], (g) => g.set(inFlight()));
    gauge(this.registry, "trustix_log_waiting_items", "Items accepted and not yet in the log", ["log"], (g) => {
      for (const { name, publisher } of parts.published.values()) g.set({ log: name }, publisher.status().waiting);
    });
    gauge(this.registry, "trustix_log_refused_items", "Second values refused by the write rule", ["log"], (g) => {
      for (const { name, publisher } of parts.published.values()) g.set({ log: name }, publisher.status().refused);
    });
    gauge(this.registry, "trustix_log_stopped", "1 while a log signs nothing", ["log"], (g) => {
      for (const { name, publisher } of parts.published.values()) {
        g.set({ log: name }, publisher.status().stopped === undefined ? 0 : 1);
      }
    });
    gauge(this.registry, "trustix_log_tree_size", "Entries under the newest head", ["log"], async (g) => {
      for (const { name, reader } of parts.published.values()) {
        const head = await headIfAny(reader);
        if (head !== undefined) g.set({ log: name }, head.treeSize);
      }
    });
    gauge(this.registry, "trustix_followed_tree_size", "Entries under the held head", ["log"], (g) => {
      for (const { name, head } of parts.follower.logs()) if (head !== undefined) g.set({ log: name }, head.treeSize);
    });
    gauge(this.registry, "trustix_followed_head_age_seconds", "Since a valid newest head last came", ["log"], (g) => {
      for (const { name, headSeenAt } of parts.follower.logs()) {
        if (headSeenAt !== undefined) g.set({ log: name }, (parts.clock.now() - headSeenAt) / 1000);
      }
    });
    measureCopies(this.registry, parts);
    measureStandings(this.registry, parts);
  }

  /** `code` is `ok` or the RPC code's name. */
  answered(method: string, code: string, milliseconds: number): void {
    this.#seconds.observe({ method, code }, milliseconds / 1000);
  }

  dropped(listener: string): void {
    this.#dropped.inc({ listener });
  }
}
