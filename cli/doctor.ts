import { Command } from 'commander';
import { ganxVersion } from '../artifacts/version.ts';
import { diagnose } from './diagnosis.ts';
import type { Finding } from './finding.ts';

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('check what this machine can do; exit code 0 where ganx runs on the CPU')
    .option('--json', 'print the findings as JSON')
    .action(async ({ json }: { json?: true }) => {
      const findings = await diagnose(process.cwd());
      const healthy = findings.some(({ name, status }) => name === 'cpu' && status === 'ok');
      process.stdout.write(
        json ? `${JSON.stringify({ ganxVersion, healthy, findings })}\n` : describe(findings, healthy),
      );
      if (!healthy) process.exitCode = 1;
    });
}

const marks = { ok: 'ok', missing: '--', failed: '!!' } as const;

function describe(findings: readonly Finding[], healthy: boolean): string {
  const width = Math.max(...findings.map(({ name }) => name.length));
  const lines = findings.flatMap(({ name, status, detail, advice }) => [
    `${marks[status]}  ${name.padEnd(width)}  ${detail}`,
    ...(advice ?? []).map((step) => `${' '.repeat(width + 6)}${step}`),
  ]);
  const broken = findings.filter(({ status }) => status === 'failed').map(({ name }) => name);
  const end = !healthy
    ? 'ganx cannot run here'
    : broken.length
      ? `ganx runs on the CPU, but something is wrong: ${broken.join(', ')}`
      : 'ganx can run here';
  return [`ganx ${ganxVersion}`, ...lines, end, ''].join('\n');
}
