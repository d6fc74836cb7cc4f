/** What `check` found, in the order tried: name, connection, TLS, sign-in, permission. */
export type CheckStep = 'name' | 'connection' | 'tls' | 'sign-in' | 'permission' | 'records';

export interface CheckFinding {
  readonly step: CheckStep;
  /** `too-much`: more is allowed than Sluice needs; the reading works, tenant IT should narrow it. */
  readonly outcome: 'ok' | 'failed' | 'too-little' | 'too-much' | 'note';
  /** One sentence: what was seen and, unless ok, what to do. */
  readonly sentence: string;
  /** The source named the instant before which it wants no request: the hub keeps to it, and does not show this. */
  readonly notBefore?: Date | undefined;
}

export interface CheckReport {
  readonly findings: readonly CheckFinding[];
}

/** A check passed if a run would work; too much permission is a warning, not a failure. */
export function passed(report: CheckReport): boolean {
  return report.findings.every((finding) => finding.outcome !== 'failed' && finding.outcome !== 'too-little');
}
