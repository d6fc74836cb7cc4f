/**
 * Named fault points: the places where a test may kill, delay or interleave. Without an installed handler a hit
 * costs one comparison and does nothing; there is no setting that installs one.
 */
type FaultHandler = (point: string) => void | Promise<void>;

let handler: FaultHandler | undefined;

/** Tests only: called at every point that is passed. Passing `undefined` removes it. */
export function onFaultPoint(next: FaultHandler | undefined): void {
  handler = next;
}

export async function faultPoint(point: string): Promise<void> {
  if (handler) await handler(point);
}
