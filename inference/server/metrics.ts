import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { Admission } from './admission.ts';

/** Seconds; a tiny generator answers in a millisecond, a full queue in many seconds. */
const latencies = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** What `/metrics` tells, in a registry of its own. */
export class Metrics {
  readonly registry = new Registry();
  readonly #requests = new Counter({
    name: 'ganx_http_requests_total',
    help: 'Answered requests, by route, method and status.',
    labelNames: ['route', 'method', 'status'],
    registers: [this.registry],
  });
  readonly #latency = new Histogram({
    name: 'ganx_http_request_duration_seconds',
    help: 'From the arrival of a request to the end of its answer, by route.',
    labelNames: ['route'],
    buckets: latencies,
    registers: [this.registry],
  });
  readonly #rows = new Histogram({
    name: 'ganx_batch_samples',
    help: 'Samples of a run of the model.',
    buckets: sizes,
    registers: [this.registry],
  });
  readonly #sharing = new Histogram({
    name: 'ganx_batch_requests',
    help: 'Requests that share a run of the model.',
    buckets: sizes,
    registers: [this.registry],
  });
  readonly #running = new Histogram({
    name: 'ganx_run_duration_seconds',
    help: 'Time of a run of the model.',
    buckets: latencies,
    registers: [this.registry],
  });

  constructor(admission: Admission) {
    const gauge = (name: string, help: string, value: () => number) =>
      new Gauge({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.set(value());
        },
      });
    gauge(
      'ganx_queue_requests',
      'Requests that are accepted and not answered to the end.',
      () => admission.requests,
    );
    gauge('ganx_queue_samples', 'Samples that these ask for.', () => admission.samples);
    collectDefaultMetrics({ register: this.registry });
  }

  answered(route: string, method: string, status: number, seconds: number): void {
    this.#requests.inc({ route, method, status });
    this.#latency.observe({ route }, seconds);
  }

  ran({ rows, requests, seconds }: { rows: number; requests: number; seconds: number }): void {
    this.#rows.observe(rows);
    this.#sharing.observe(requests);
    this.#running.observe(seconds);
  }
}
