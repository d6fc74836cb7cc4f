import type { AnswerObject, JsonSchema, Operation } from './openapi.ts';
import { type ProblemName, problemNames, problems } from './problems.ts';
import type { Route } from './route.ts';

/** What every route can answer beside its own problems. */
export const problemsOfEveryRoute: readonly ProblemName[] = [
  'bad-request',
  'unauthorized',
  'forbidden',
  'too-many-requests',
  'unexpected',
  'timed-out',
];

/** Problems by status: OpenAPI knows one answer per status, so those that share one are listed in it. */
export function problemsOf(route: Route): Operation['responses'] {
  const possible = new Set<string>([
    ...problemsOfEveryRoute,
    ...(route.params ? ['not-found'] : []),
    ...(route.body ? ['too-large', 'unsupported-media-type'] : []),
    ...(route.method === 'POST' && !route.changesNothing ? ['idempotency-mismatch', 'idempotency-busy'] : []),
    ...(route.problems ?? []),
  ]);
  const byStatus = new Map<number, string[]>();
  for (const name of problemNames) {
    if (!possible.has(name)) continue;
    const { status } = problems[name];
    byStatus.set(status, [...(byStatus.get(status) ?? []), name]);
  }
  return Object.fromEntries([...byStatus].map(([status, names]) => [String(status), problemAnswer(names)]));
}

function problemAnswer(names: readonly string[]): AnswerObject | { $ref: string } {
  if (names.length === 1) return { $ref: `#/components/responses/${names[0]}` };
  return {
    description: names.map((name) => `\`${name}\``).join(', '),
    'x-problems': [...names],
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  };
}

export function problemAnswers(): Record<string, AnswerObject> {
  return Object.fromEntries(
    problemNames.map((name) => [
      name,
      {
        description: `\`${name}\`: ${problems[name].meaning}`,
        'x-problems': [name],
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  );
}

export const problemSchema: JsonSchema = {
  type: 'object',
  description: 'What went wrong (RFC 9457).',
  properties: {
    type: { type: 'string', enum: problemNames.map((name) => `/problems/${name}`) },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What, where, and the fix.' },
    retry: {
      type: 'string',
      enum: ['never', 'later', 'after-change'],
      description: 'Whether the same request may work: by itself later, or once a person changed something.',
    },
    instance: { type: 'string', description: 'Names the fault in the hub’s log.' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          in: { type: 'string', enum: ['body', 'query', 'header'] },
          path: { type: 'string', description: 'JSON pointer, or the parameter’s name.' },
          problem: { type: 'string' },
        },
        required: ['in', 'path', 'problem'],
      },
    },
  },
  required: ['type', 'title', 'status', 'detail', 'retry'],
  example: {
    type: '/problems/forbidden',
    title: problems.forbidden.title,
    status: 403,
    detail: 'This needs the scope users:read, which the key does not have.',
    retry: 'after-change',
  },
};
