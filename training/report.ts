import { readdir } from 'node:fs/promises';
import type { LogRecord, RunFolder } from '../artifacts/run-folder.ts';
import type { Verdict } from './monitor/verdict.ts';
import type { RunConfig } from './run-config.ts';

const colours = ['#2563eb', '#d97706', '#059669'];

/** One figure of the report: columns of the log over the steps, those that a run has. */
const figures = [
  { title: 'Losses', columns: ['dLoss', 'gLoss'] },
  {
    title: "Mean sigmoid of D's logits: its probability of real, where they are log-odds",
    columns: ['dReal', 'dFake'],
  },
  { title: 'Gradient norms', columns: ['dGradNorm', 'gGradNorm'] },
  { title: 'Factors of the losses in mixed precision', columns: ['dLossScale', 'gLossScale', 'eLossScale'] },
] as const;

/** Writes report.html: curves and samples over time, in one file beside the samples that it shows. */
export async function writeReport(
  folder: RunFolder,
  config: RunConfig,
  outcome: string,
  verdicts: readonly Verdict[],
): Promise<void> {
  const log = await folder.readLog();
  const files = await readdir(folder.samples).catch(() => []);
  const steps = files
    .map((file) => /^(\d+)\.png$/.exec(file)?.[1])
    .filter((step) => step !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
  const last = log.at(-1);
  const summary = [
    ['Outcome', outcome],
    ['Data', `${config.dataName}, ${config.samples} samples of [${config.sample.shape.join(', ')}]`],
    ['Recipe', config.recipe.name],
    ['Steps', String(last?.step ?? 0)],
    ['Images seen', text(last?.images)],
    ['Seconds', text(last?.seconds)],
    ['Seed', String(config.seed)],
    ['Device', `${config.device}, ${config.threads} threads`],
    ['ganx', config.ganxVersion],
  ];
  const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>ganx: ${escape(config.recipe.name)} on ${escape(config.dataName)}</title>
<style>
:root { color-scheme: light dark; font-family: system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
th { text-align: left; padding-right: 2rem; font-weight: 600; }
.verdicts td { vertical-align: top; padding: 0 1rem .5rem 0; }
svg { width: 100%; height: auto; overflow: visible; }
figure { margin: 1.5rem 0; }
.samples { display: flex; flex-wrap: wrap; gap: 1rem; }
.samples img { width: 17rem; max-width: 100%; image-rendering: pixelated; }
pre { overflow: auto; }
</style>
<h1>${escape(config.recipe.name)} on ${escape(config.dataName)}</h1>
<table>${summary.map(([name, value]) => `<tr><th>${name!}</th><td>${escape(value!)}</td></tr>`).join('')}</table>
${verdictTable(verdicts)}
${figures.map(({ title, columns }) => chart(title, columns, log, verdicts)).join('\n')}
<h2>Samples of one set of latents</h2>
<div class="samples">
${spread(steps, 12)
  .map(
    (step) =>
      `<figure><img src="samples/${step}.png" alt="samples at step ${step}"><figcaption>step ${step}</figcaption></figure>`,
  )
  .join('\n')}
</div>
<h2>Recipe</h2>
<pre>${escape(JSON.stringify(config.recipe, null, 2))}</pre>
</html>
`;
  await folder.writeFile(folder.report, html);
}

function verdictTable(verdicts: readonly Verdict[]): string {
  if (!verdicts.length) return '<h2>Verdicts</h2>\n<p>None: no rule of the monitor has fired.</p>';
  const rows = verdicts.map(({ step, finding, meaning, advice, rolledBackTo }) => {
    const went = rolledBackTo === undefined ? '' : `; went back to step ${rolledBackTo}`;
    const cells = [String(step), `${finding}${went}`, meaning, advice];
    return `<tr>${cells.map((cell) => `<td>${escape(cell)}</td>`).join('')}</tr>`;
  });
  return `<h2>Verdicts</h2>
<table class="verdicts"><tr><th>Step</th><th>What</th><th>What it means</th><th>What to try</th></tr>
${rows.join('\n')}
</table>`;
}

/** Columns of the log as lines, thinned to what a screen can show, with a mark where a verdict fell. */
function chart(
  title: string,
  known: readonly string[],
  log: readonly LogRecord[],
  verdicts: readonly Verdict[],
): string {
  const columns = known.filter((column) => log.some((record) => typeof record[column] === 'number'));
  const points = spread(log, 600);
  const values = (column: string) =>
    points.flatMap((record) => {
      const value = record[column];
      return typeof value === 'number' ? [[record.step, value] as const] : [];
    });
  const all = columns.flatMap((column) => values(column).map(([, value]) => value));
  if (!all.length) return '';
  const [width, height] = [900, 240];
  const [low, high] = [Math.min(0, ...all), Math.max(...all, 1e-9)];
  const lastStep = Math.max(points.at(-1)!.step, ...verdicts.map(({ step }) => step));
  const x = (step: number) => ((step / lastStep) * width).toFixed(1);
  const y = (value: number) => (height - ((value - low) / (high - low)) * height).toFixed(1);
  const lines = columns.map(
    (column, i) =>
      `<polyline fill="none" stroke="${colours[i]!}" stroke-width="1.5" points="${values(column)
        .map(([step, value]) => `${x(step)},${y(value)}`)
        .join(' ')}"/>`,
  );
  const marks = verdicts.map(
    ({ step, finding }) =>
      `<line x1="${x(step)}" x2="${x(step)}" y1="0" y2="${height}" stroke="#dc2626" stroke-dasharray="4 3"><title>${escape(finding)}</title></line>`,
  );
  const legend = columns
    .map((column, i) => `<tspan fill="${colours[i]!}" dx="${i ? 16 : 0}">${column}</tspan>`)
    .join('');
  return `<figure><h2>${title}</h2>
<svg viewBox="-40 -20 ${width + 60} ${height + 50}" role="img" aria-label="${title}" font-size="13" fill="currentColor">
<text x="0" y="-6">${legend}</text>
<line x1="0" y1="${height}" x2="${width}" y2="${height}" stroke="currentColor" opacity=".4"/>
<text x="-6" y="10" text-anchor="end">${label(high)}</text><text x="-6" y="${height}" text-anchor="end">${label(low)}</text>
<text x="${width}" y="${height + 18}" text-anchor="end">step ${lastStep}</text>
${[...marks, ...lines].join('\n')}
</svg></figure>`;
}

/** At most `count` elements, evenly spread, first and last included. */
function spread<T>(values: readonly T[], count: number): T[] {
  if (values.length <= count) return [...values];
  return Array.from(
    { length: count },
    (_, i) => values[Math.round((i * (values.length - 1)) / (count - 1))]!,
  );
}

/** A number of the log, 0 where there is none. */
const text = (value: unknown) => (typeof value === 'number' ? String(value) : '0');

const label = (value: number) => Number(value.toPrecision(3)).toString();

const escape = (text: string) =>
  text.replace(
    /[&<>"]/g,
    (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[character]!,
  );
