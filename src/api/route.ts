import { z } from 'zod';
import type { TenantStore, VerifiedKey } from '../store/types.ts';
import type { ApiDeps } from './deps.ts';
import type { ProblemName } from './problems.ts';
import type { ScopeName } from './scopes.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** One authenticated, validated request. */
export interface Call<P = unknown, Q = unknown, B = unknown> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly caller: VerifiedKey;
  /** The caller's tenant; there is no way to another. */
  readonly store: TenantStore;
  readonly deps: ApiDeps;
  /** Aborted when the caller hangs up, the deadline passes or the hub stops. */
  readonly signal: AbortSignal;
  /** Logs a fault that does not spoil the answer. */
  report(fault: unknown): void;
}

export interface Answer {
  readonly status: number;
  /** JSON; absent: no content. */
  readonly body?: unknown;
  /** Quoted (RFC 9110 8.8.3). */
  readonly etag?: string;
  readonly location?: string;
}

export type Handler<P, Q, B> = (call: Call<P, Q, B>) => Promise<Answer>;

interface AnswerDeclaration {
  readonly means: string;
  readonly schema?: z.ZodType;
}

/** A route as data: validation, authorisation and the published description all follow from this. */
export interface RouteDeclaration<P, Q, B> {
  readonly method: Method;
  /** `{name}` stands for a parameter. */
  readonly path: string;
  readonly scope: ScopeName;
  readonly summary: string;
  readonly description?: string;
  readonly params?: z.ZodType<P>;
  readonly query?: z.ZodType<Q>;
  readonly body?: z.ZodType<B>;
  /** A request without body counts as `{}`. */
  readonly bodyOptional?: boolean;
  readonly answers: Readonly<Record<number, AnswerDeclaration>>;
  /** Beyond those every route can answer. */
  readonly problems?: readonly ProblemName[];
  /** A POST that changes nothing: there is no effect to remember for its Idempotency-Key. */
  readonly changesNothing?: boolean;
  /** Replaces the usual deadline where a slow system is asked. */
  readonly answerWithinMs?: number;
  readonly handler: Handler<P, Q, B>;
}

export type Route = RouteDeclaration<unknown, unknown, unknown>;

/** Declares a route; the compiler holds the handler to the schemas. */
export function route<P = unknown, Q = unknown, B = unknown>(declaration: RouteDeclaration<P, Q, B>): Route {
  return declaration as unknown as Route;
}

/** Every schema with a name in the published description. */
export const published = z.registry<{ id: string }>();

/** Publishes a schema under a name of its own. */
export function named<T extends z.ZodType>(id: string, schema: T): T {
  published.add(schema, { id });
  return schema;
}
