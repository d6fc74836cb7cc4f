import { type Answer, badRequest, ok, Refusal } from './answer.ts';
import type { Json } from './types.ts';

/** One request inside a batch, as it would have come alone. */
export interface Inner {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

interface Part extends Inner {
  readonly id: string;
  readonly dependsOn: readonly string[];
}

const most = 20;

/**
 * POST /$batch: up to 20 requests in one. The answers come in another order than the requests, and 200 for the whole says
 * nothing about the parts (concepts/json-batching).
 */
export async function answerBatch(body: unknown, answer: (inner: Inner) => Promise<Answer>): Promise<Answer> {
  const parts = read(body);
  const statuses = new Map<string, number>();
  const responses: Json[] = [];
  for (const part of parts) {
    const failed = part.dependsOn.some((id) => !((statuses.get(id) ?? 599) < 400));
    const told = failed ? failedDependency() : await answer(part);
    statuses.set(part.id, told.status);
    responses.push({
      id: part.id,
      status: told.status,
      headers: { 'Content-Type': 'application/json', ...capitals(told.headers ?? {}) },
      ...(told.body === undefined ? {} : { body: told.body }),
    });
  }
  // Always another order where there can be one: a client that counts on the order of asking breaks here.
  return ok({ responses: [...responses.slice(1), ...responses.slice(0, 1)].reverse() });
}

function read(body: unknown): Part[] {
  const requests = (body as { requests?: unknown } | null)?.requests;
  if (!Array.isArray(requests) || requests.length === 0) throw badRequest('Invalid batch payload format.');
  if (requests.length > most) {
    throw badRequest(`Number of batch request steps exceeds the maximum value of ${most}.`);
  }
  const seen = new Set<string>();
  return requests.map((one: Record<string, unknown>): Part => {
    const { id, method, url, headers = {}, body: own, dependsOn = [] } = one ?? {};
    if (typeof id !== 'string' || typeof method !== 'string' || typeof url !== 'string' || !url.startsWith('/')) {
      throw badRequest('Invalid batch payload format: each step has an id, a method and a relative url.');
    }
    if (seen.has(id.toLowerCase()))
      throw badRequest(`Request Id '${id}' is used more than once; ids are not case-sensitive.`);
    if (!Array.isArray(dependsOn) || dependsOn.some((other) => !seen.has(String(other).toLowerCase()))) {
      throw badRequest('A step may depend on steps before it only.');
    }
    seen.add(id.toLowerCase());
    const given = Object.entries(headers as object).map(([name, value]) => [name.toLowerCase(), String(value)]);
    return { id, method: method.toUpperCase(), url, headers: Object.fromEntries(given), body: own, dependsOn };
  });
}

function failedDependency(): Answer {
  return new Refusal(424, 'FailedDependency', 'A step that this one depends on failed.').answer(new Date(0));
}

/** Inside a batch names are written as people do; a client must not count on lower case. */
function capitals(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.replace(/(^|-)[a-z]/g, (one) => one.toUpperCase()), value]),
  );
}
