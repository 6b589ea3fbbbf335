/** A figure that is read when it is asked for. */
import { Gauge, type Registry } from "prom-client";

export function gauge(
  registry: Registry,
  name: string,
  help: string,
  labelNames: string[],
  read: (gauge: Gauge) => void | Promise<void>,
): void {
  const metric = new Gauge({
    name,
    help,
    labelNames,
    async collect() {
      // A log or remote that is gone must not leave its last figure behind.
      this.reset();
      await read(this as Gauge);
    },
    registers: [],
  });
  registry.registerMetric(metric);
}
