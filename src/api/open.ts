import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { send } from './answer.ts';
import type { ApiDeps } from './deps.ts';
import { docsPage, docsStyle } from './docs/page.ts';
import { openApi } from './openapi.ts';
import { isProblemName, notFoundSentence, Problem, problemNames, problems } from './problems.ts';
import { routes } from './routes.ts';

/** A path that wants no key: it names no tenant and no person. */
export interface OpenRoute {
  readonly path: string;
  answer(request: IncomingMessage, response: ServerResponse, params: Readonly<Record<string, string>>): Promise<void>;
}

const json = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) =>
  send(response, status, 'application/json; charset=utf-8', JSON.stringify(body), headers);

const fresh = { 'Cache-Control': 'no-store' };
const described = { 'Cache-Control': 'no-cache' };

/** Only the page's own style may act: no script, no address outside, no frame around it. */
const styleHash = createHash('sha256').update(docsStyle).digest('base64');
const pagePolicy = `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

export function openRoutes(deps: ApiDeps): readonly OpenRoute[] {
  const document = openApi(routes, deps.publicUrl);
  const documentText = JSON.stringify(document);
  const page = docsPage(document);
  return [
    {
      path: '/health/live',
      answer: async (_, response) => json(response, 200, { status: 'live' }, fresh),
    },
    {
      path: '/health/ready',
      async answer(_, response) {
        const { ready, reasons } = await deps.readiness();
        json(response, ready ? 200 : 503, { status: ready ? 'ready' : 'not-ready', reasons }, fresh);
      },
    },
    {
      path: '/metrics',
      async answer(_, response) {
        send(response, 200, 'text/plain; version=0.0.4; charset=utf-8', await deps.metrics(), fresh);
      },
    },
    {
      path: '/openapi.json',
      answer: async (_, response) => send(response, 200, 'application/json; charset=utf-8', documentText, described),
    },
    {
      path: '/docs',
      async answer(_, response) {
        const headers = { ...described, 'Content-Security-Policy': pagePolicy };
        send(response, 200, 'text/html; charset=utf-8', page, headers);
      },
    },
    {
      path: '/problems',
      answer: async (_, response) => json(response, 200, { items: problemNames.map(publishedProblem) }, described),
    },
    {
      path: '/problems/{name}',
      async answer(_, response, { name }) {
        if (name === undefined || !isProblemName(name)) throw new Problem('not-found', notFoundSentence);
        json(response, 200, publishedProblem(name), described);
      },
    },
  ];
}

function publishedProblem(name: keyof typeof problems) {
  return { type: `/problems/${name}`, ...problems[name] };
}
