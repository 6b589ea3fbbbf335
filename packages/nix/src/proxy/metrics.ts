/** The proxy's figures for Prometheus, in a registry of their own. Labels come from closed lists and the configuration. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { PolicyMode } from "@trustix/decider";
import type { BreakerState } from "../http/breaker.ts";
import type { ReceiptStatus } from "../receipts/receipt-folder.ts";
import type { RefusedOutcome, ServedOutcome, VoteOnServed } from "./resolution.ts";
import type { SourceErrorKind } from "../http/source-error.ts";

export class ProxyMetrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<"kind" | "status">;
  readonly #outcomes: Counter<"outcome">;
  readonly #letThrough: Counter<"mode" | "vote">;
  readonly #answers: Counter<"upstream" | "outcome">;
  readonly #resting: Gauge<"upstream">;
  readonly #narBytes: Counter;
  readonly #narFailures: Counter<"upstream" | "kind">;
  readonly #narinfoSeconds: Histogram;

  /** `receipts`: what became of them since the start, where they are kept. */
  constructor(receipts: () => ReceiptStatus | undefined) {
    const registers = [this.#registry];
    this.#requests = new Counter({
      name: "trustix_proxy_requests_total",
      help: "Requests of clients, by what was asked for and the status answered",
      labelNames: ["kind", "status"],
      registers,
    });
    this.#outcomes = new Counter({
      name: "trustix_proxy_paths_total",
      help: "Paths that were looked into, by outcome",
      labelNames: ["outcome"],
      registers,
    });
    this.#letThrough = new Counter({
      name: "trustix_proxy_let_through_total",
      help: "Upstreams' own answers that the policy let through, by its mode and what the vote says of them",
      labelNames: ["mode", "vote"],
      registers,
    });
    const resultsOf = new Counter({
      name: "trustix_proxy_receipts_total",
      help: "Receipts of what was served, by what became of them",
      labelNames: ["result"],
      registers: [],
      collect() {
        this.reset();
        for (const [result, count] of Object.entries(receipts()?.results ?? {})) this.inc({ result }, count);
      },
    });
    const bytesOf = new Gauge({
      name: "trustix_proxy_receipt_bytes",
      help: "Bytes of the receipts that are kept",
      registers: [],
      collect() {
        this.set(receipts()?.bytes ?? 0);
      },
    });
    this.#registry.registerMetric(resultsOf);
    this.#registry.registerMetric(bytesOf);
    this.#answers = new Counter({
      name: "trustix_proxy_upstream_answers_total",
      help: "Requests to upstreams, by outcome",
      labelNames: ["upstream", "outcome"],
      registers,
    });
    this.#resting = new Gauge({
      name: "trustix_proxy_upstream_resting",
      help: "1 while an upstream is left alone after it failed",
      labelNames: ["upstream"],
      registers,
    });
    this.#narBytes = new Counter({
      name: "trustix_proxy_nar_bytes_total",
      help: "Bytes of NARs that clients were sent",
      registers,
    });
    this.#narFailures = new Counter({
      name: "trustix_proxy_nar_failures_total",
      help: "NARs that a source did not deliver, by what went wrong",
      labelNames: ["upstream", "kind"],
      registers,
    });
    this.#narinfoSeconds = new Histogram({
      name: "trustix_proxy_path_seconds",
      help: "Time to look into a path, decision and upstreams included",
      buckets: [0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 1, 2, 5],
      registers,
    });
  }

  request(kind: string, status: number): void {
    this.#requests.inc({ kind, status: String(status) });
  }

  path(outcome: ServedOutcome | RefusedOutcome, seconds: number): void {
    this.#outcomes.inc({ outcome });
    this.#narinfoSeconds.observe(seconds);
  }

  letThrough(mode: PolicyMode, vote: VoteOnServed): void {
    this.#letThrough.inc({ mode, vote });
  }

  upstreamAnswer(upstream: string, outcome: SourceErrorKind | "ok"): void {
    this.#answers.inc({ upstream, outcome });
  }

  upstreamState(upstream: string, state: BreakerState): void {
    this.#resting.set({ upstream }, state === "working" ? 0 : 1);
  }

  narSent(bytes: number): void {
    this.#narBytes.inc(bytes);
  }

  narFailed(upstream: string, kind: SourceErrorKind): void {
    this.#narFailures.inc({ upstream, kind });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
