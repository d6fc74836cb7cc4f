import type { Answer } from './answer.ts';
import type { Ask } from './ask.ts';
import type { Area } from './permissions.ts';
import type { Tenant } from './tenant.ts';

export interface Route {
  readonly method: string;
  /** After `/v1.0/`; a part in braces is a variable. */
  readonly path: string;
  /** What the token must open; absent: the operation sees to it. */
  readonly area?: Area;
  readonly answer: (tenant: Tenant, ask: Ask, variables: readonly string[]) => Answer | Promise<Answer>;
}

/** The variables of a path that fits, in order. */
export function match(route: Route, segments: readonly string[]): readonly string[] | undefined {
  const parts = route.path.split('/');
  if (parts.length !== segments.length) return undefined;
  const variables: string[] = [];
  for (const [index, part] of parts.entries()) {
    const segment = segments[index]!;
    if (part.startsWith('{')) variables.push(segment);
    else if (part.toLowerCase() !== segment.toLowerCase()) return undefined;
  }
  return variables;
}
