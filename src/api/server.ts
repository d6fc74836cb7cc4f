import { randomUUID } from 'node:crypto';
import express from 'express';
import helmet from 'helmet';
import type { ApiDeps } from './deps.ts';
import { openRoutes } from './open.ts';
import { notFoundSentence, Problem } from './problems.ts';
import { PushServer, pushPath } from './push/serve.ts';
import type { Method, Route } from './route.ts';
import { routes } from './routes.ts';
import { fail, RouteServer, type Trace } from './serve.ts';

export type { ApiDeps, ApiEvent } from './deps.ts';

/**
 * The HTTP interface as an express application; `createHttpServer` gives it a server with deadlines.
 * Nothing of a request is logged but its declared route, its status and the id of its key.
 */
export function createApi(deps: ApiDeps): express.Express {
  const app = express();
  app.disable('x-powered-by');
  // Express would answer with an unkeyed digest of the body as ETag: of a name, that can be guessed and matched.
  app.disable('etag');
  app.set('query parser', false);
  app.set('trust proxy', deps.trustProxy ? [...deps.trustProxy] : false);
  app.enable('case sensitive routing');
  app.enable('strict routing');
  app.use(
    helmet({
      contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
      frameguard: { action: 'deny' },
      // Other names below the operator's domain are not ours to force onto TLS.
      strictTransportSecurity: { maxAge: 31_536_000, includeSubDomains: false },
      referrerPolicy: { policy: 'no-referrer' },
    }),
  );

  const traces = new WeakMap<express.Response, Trace>();
  app.use((request, response, next) => {
    const trace = startTrace(deps, request, response);
    traces.set(response, trace);
    response.setHeader('Request-Id', trace.request);
    next();
  });

  const server = new RouteServer(deps);
  for (const [path, byMethod] of byPath(routes)) {
    app.all(expressPath(path), async (request, response) => {
      const trace = traces.get(response)!;
      trace.route = path;
      const route = byMethod.get(request.method === 'HEAD' ? 'GET' : request.method);
      if (!route) throw wrongMethod([...byMethod.keys()]);
      await server.serve(route, request.params, request, response, trace);
    });
  }
  for (const open of openRoutes(deps)) {
    app.all(expressPath(open.path), async (request, response) => {
      traces.get(response)!.route = open.path;
      if (request.method !== 'GET' && request.method !== 'HEAD') throw wrongMethod(['GET']);
      await open.answer(request, response, request.params as Record<string, string>);
    });
  }
  if (deps.pushes) {
    const pushes = new PushServer(deps, deps.pushes);
    app.all(expressPath(pushPath), async (request, response) => {
      const trace = traces.get(response)!;
      trace.route = pushPath;
      if (request.method !== 'POST') throw wrongMethod(['POST']);
      await pushes.serve(request.params.token as string, request, response, trace);
    });
  }
  app.use(() => {
    throw new Problem('not-found', notFoundSentence);
  });
  const onError: express.ErrorRequestHandler = (error, _request, response, _next) => {
    fail(deps, traces.get(response)!, response, error);
  };
  app.use(onError);
  return app;
}

function startTrace(deps: ApiDeps, request: express.Request, response: express.Response): Trace {
  const startedMs = performance.now();
  const trace: Trace = { request: randomUUID(), method: request.method, route: 'none', caller: null, problem: null };
  response.once('close', () => {
    deps.log({
      event: 'api-request',
      request: trace.request,
      method: trace.method,
      route: trace.route,
      status: response.statusCode,
      duration_ms: Math.round(performance.now() - startedMs),
      tenant: trace.caller?.tenant ?? null,
      key: trace.caller?.key.id ?? null,
      problem: trace.problem,
      aborted: !response.writableFinished,
    });
  });
  return trace;
}

function byPath(all: readonly Route[]): Map<string, Map<string, Route>> {
  const paths = new Map<string, Map<string, Route>>();
  for (const route of all) {
    const methods = paths.get(route.path) ?? new Map<string, Route>();
    paths.set(route.path, methods.set(route.method, route));
  }
  return paths;
}

/** `{id}` is OpenAPI's way to write a parameter, `:id` the router's. */
const expressPath = (path: string): string => path.replace(/\{(\w+)\}/g, ':$1');

function wrongMethod(methods: readonly (Method | string)[]): Problem {
  const allow = methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
  return new Problem('method-not-allowed', `This address takes ${allow}.`, { headers: { Allow: allow } });
}
