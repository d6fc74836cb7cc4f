import type { ServerResponse } from 'node:http';
import { matches } from './etag.ts';
import { type Problem, problemBody, problems } from './problems.ts';
import type { Answer } from './route.ts';

/** Answers are personal or about somebody's systems: no cache may keep them (ASVS 14.3.2). */
const PRIVATE = { 'Cache-Control': 'no-store' } as const;

/** Writes an answer, or 304 if the caller has it already. */
export function sendAnswer(response: ServerResponse, answer: Answer, ifNoneMatch: string | undefined): void {
  if (response.headersSent || response.destroyed) return;
  const headers: Record<string, string> = { ...PRIVATE };
  if (answer.etag !== undefined) headers.ETag = answer.etag;
  if (answer.location !== undefined) headers.Location = answer.location;
  if (answer.etag !== undefined && matches(ifNoneMatch, answer.etag)) {
    response.writeHead(304, headers).end();
    return;
  }
  if (answer.body === undefined) {
    response.writeHead(answer.status, headers).end();
    return;
  }
  send(response, answer.status, 'application/json; charset=utf-8', JSON.stringify(answer.body), headers);
}

export function sendProblem(response: ServerResponse, problem: Problem, requestId: string): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const text = JSON.stringify(problemBody(problem, requestId));
  const { status } = problems[problem.problem];
  send(response, status, 'application/problem+json; charset=utf-8', text, { ...PRIVATE, ...problem.headers });
}

/** Node leaves the body of an answer to HEAD out by itself. */
export function send(
  response: ServerResponse,
  status: number,
  type: string,
  text: string,
  headers: Record<string, string> = {},
): void {
  const bytes = Buffer.from(text, 'utf8');
  response.writeHead(status, { ...headers, 'Content-Type': type, 'Content-Length': bytes.length }).end(bytes);
}
