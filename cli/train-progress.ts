import type { Execution } from '../training/autotune/execution.ts';
import type { TrainEvent } from '../training/events.ts';
import { describeVerdict } from '../training/monitor/verdict.ts';
import { plainEvery } from './under-way.ts';

/**
 * Prints a run's events: JSON lines, a bar that redraws itself on a terminal, or plain lines elsewhere.
 *
 * @param minutes that the run is given, where it has no known last step
 */
export function reporter(json: boolean, minutes?: number): (event: TrainEvent) => void {
  if (json)
    return (event) => {
      process.stdout.write(`${JSON.stringify(event)}\n`);
    };
  const progress = progressOf(minutes);
  return process.stdout.isTTY ? terminal(progress) : plain(progress);
}

function terminal(progress: Describe): (event: TrainEvent) => void {
  let open = false;
  const line = (text: string) => {
    process.stdout.write(`${open ? '\r\x1b[K' : ''}${text}\n`);
    open = false;
  };
  return (event) => {
    if (event.type !== 'step') {
      for (const text of describe(event)) line(text);
      return;
    }
    const { share, text } = progress(event);
    const room = (process.stdout.columns || 80) - 1;
    // The numbers come first: the bar takes what they leave.
    const width = Math.min(24, room - text.length - 3);
    process.stdout.write(`\r\x1b[K${width > 0 ? `${bar(share, width)} ` : ''}${text.slice(0, room)}`);
    open = true;
  };
}

function plain(progress: Describe): (event: TrainEvent) => void {
  let last = -Infinity;
  return (event) => {
    if (event.type === 'step') {
      if (event.seconds - last < plainEvery && event.step < event.steps) return;
      last = event.seconds;
      process.stdout.write(`${progress(event).text}\n`);
      return;
    }
    for (const text of describe(event)) process.stdout.write(`${text}\n`);
  };
}

type StepEvent = Extract<TrainEvent, { type: 'step' }>;

/** How far a run is, as a share of it and in words. */
type Describe = (event: StepEvent) => { readonly share: number; readonly text: string };

function progressOf(minutes: number | undefined): Describe {
  let began: number | undefined;
  return ({ step, steps, imagesPerSecond, dLoss, gLoss, seconds }) => {
    began ??= performance.now();
    const spent = (performance.now() - began) / 1000;
    const share = minutes === undefined ? step / steps : Math.min(1, spent / (60 * minutes));
    const left = minutes === undefined ? (seconds / step) * (steps - step) : 60 * minutes - spent;
    const of = minutes === undefined ? `/${steps}` : '';
    return {
      share,
      text: `step ${step}${of} · ${Math.round(imagesPerSecond)} samples/s · D ${dLoss.toFixed(3)} · G ${gLoss.toFixed(3)} · ${duration(Math.max(0, left))} left`,
    };
  };
}

function describe(event: Exclude<TrainEvent, StepEvent>): string[] {
  switch (event.type) {
    case 'start': {
      const { generator, discriminator, encoder } = event.parameters;
      return [
        `${event.samples} samples of [${event.sampleShape.join(', ')}] from ${event.data}`,
        ...event.skipped.slice(0, 5).map(({ file, reason }) => `skipped ${file}: ${reason}`),
        ...(event.skipped.length ? [`skipped ${event.skipped.length} in all; skipped.jsonl says why`] : []),
        `recipe ${event.recipe}: G ${thousands(generator)}, D ${thousands(discriminator)}${encoder === undefined ? '' : ` and encoder ${thousands(encoder)}`} parameters, batch ${event.batch}, ${event.device}, ${threadsOf(event.threads)}`,
        ...(event.deviceReason === undefined ? [] : [`${event.device}: ${event.deviceReason}`]),
        ...(event.fromStep ? [`resumes at step ${event.fromStep}`] : []),
      ];
    }
    case 'tuned': {
      const { chosen, measured, isKept } = event;
      const list = measured.map((one) => `${way(one)} ${time(one.milliseconds)}`).join(', ');
      return [`autotune: ${way(chosen)}, of ${list} a step${isKept ? ', as measured before' : ''}`];
    }
    case 'warning':
      return [`warning: ${event.message}`];
    case 'note':
      return [`note: ${event.message}`];
    case 'verdict':
      return [`warning: ${describeVerdict(event)}`];
    case 'rollback':
      return [`rolled back to step ${event.to}; learning rates x ${event.rateScale}`];
    case 'checkpoint':
      return [`checkpoint ${event.folder}`];
    case 'sample':
      return [`samples ${event.file}`];
    case 'end': {
      const { outcome, checkpoint } = event;
      const kept =
        checkpoint === null
          ? 'no checkpoint had been saved, so there is no generator'
          : `the checkpoint of step ${checkpoint} is kept and exported`;
      const how = outcome === 'diverged' ? `diverged; ${kept};` : outcome;
      const rate = event.seconds > 0 ? `, ${event.images} samples in ${duration(event.seconds)}` : '';
      const { host, device } = event.peakMemory;
      const memory = device === undefined ? mebibytes(host) : `${mebibytes(device)} on the GPU`;
      return [`${how} at step ${event.step}${rate}, ${memory} at most: ${event.folder}`];
    }
  }
}

const way = ({ target, threads }: Execution) => `${target} graph on ${threadsOf(threads)}`;

const threadsOf = (count: number) => `${count} ${count === 1 ? 'thread' : 'threads'}`;

const time = (milliseconds: number) =>
  Number.isFinite(milliseconds) ? `${milliseconds.toPrecision(3)} ms` : 'does not run';

function bar(share: number, width: number): string {
  const filled = Math.round(Math.min(share, 1) * width);
  return `[${'='.repeat(filled)}${' '.repeat(width - filled)}]`;
}

const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;

const thousands = (n: number) => n.toString().replace(/\B(?=(\d{3})+$)/g, ',');

function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (h) return `${h} h ${m} min`;
  return m ? `${m} min ${s} s` : `${s} s`;
}
