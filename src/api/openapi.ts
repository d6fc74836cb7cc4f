import { z } from 'zod';
import { problemAnswers, problemSchema, problemsOf } from './openapi-problems.ts';
import { type Method, published, type Route } from './route.ts';
import { scopes } from './scopes.ts';

/** As much of OpenAPI 3.1 as the hub writes, and its page reads. */
export interface OpenApi {
  openapi: '3.1.0';
  info: { title: string; version: string; description: string };
  servers: { url: string }[];
  security: Record<string, string[]>[];
  tags: { name: string; description: string }[];
  paths: Record<string, Partial<Record<Lowercase<Method>, Operation>>>;
  components: {
    schemas: Record<string, JsonSchema>;
    responses: Record<string, AnswerObject>;
    securitySchemes: Record<string, object>;
  };
}

export interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  description?: string;
  'x-scope'?: string;
  security?: Record<string, string[]>[];
  parameters?: Parameter[];
  requestBody?: { required: boolean; content: { 'application/json': { schema: JsonSchema } } };
  responses: Record<string, AnswerObject | { $ref: string }>;
}

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required: boolean;
  description?: string;
  schema: JsonSchema;
}

export interface AnswerObject {
  description: string;
  headers?: Record<string, { description: string; schema: JsonSchema }>;
  content?: Record<string, { schema: JsonSchema }>;
  'x-problems'?: string[];
}

export interface JsonSchema {
  type?: string | string[];
  $ref?: string;
  description?: string;
  format?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  example?: unknown;
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  anyOf?: JsonSchema[];
  additionalProperties?: boolean | JsonSchema;
  propertyNames?: JsonSchema;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  $schema?: string;
  $id?: string;
}

const about = `What booking services and tenant IT ask of the hub. JSON in and out, \`snake_case\`, times in UTC.

Send \`Authorization: Bearer sl_…\`: the key names its tenant and sees only its scopes and the fields its features need. Lists take \`limit\` and an opaque \`cursor\`. Reads carry an ETag. Every POST takes \`Idempotency-Key\`: for a day, the same request with the same key gets the same answer.

Within /v1 changes only add: ignore fields, kinds and values you do not know.`;

/** The published description, from the same schemas that validate. */
export function openApi(routes: readonly Route[], publicUrl: string | undefined): OpenApi {
  const paths: OpenApi['paths'] = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Sluice', version: '1', description: about },
    servers: [{ url: publicUrl ?? '/' }],
    security: [{ key: [] }],
    tags: [...new Set(routes.map(tagOf))].map((name) => ({ name, description: tagMeans(name) })),
    paths,
    components: {
      schemas: componentSchemas(),
      responses: problemAnswers(),
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'An API key: `sl_<tenant>_<id>_<secret>`.' },
      },
    },
  };
}

function operation(route: Route): Operation {
  const parameters = [
    ...parametersOf(route.params, 'path'),
    ...parametersOf(route.query, 'query'),
    ...headersOf(route),
  ];
  return {
    operationId: operationId(route),
    tags: [tagOf(route)],
    summary: route.summary,
    ...(route.description ? { description: route.description } : {}),
    'x-scope': route.scope,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body
      ? {
          requestBody: {
            required: !route.bodyOptional,
            content: { 'application/json': { schema: reference(route.body) } },
          },
        }
      : {}),
    responses: { ...answersOf(route), ...problemsOf(route) },
  };
}

/** `getUsersById` from GET /v1/users/{id}: stable as long as the route is. */
function operationId(route: Route): string {
  const words = route.path.split('/').filter((part) => part && part !== 'v1');
  const named = words.map((word) => (word.startsWith('{') ? `by-${word.slice(1, -1)}` : word)).join('-');
  return route.method.toLowerCase() + `-${named}`.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function tagOf(route: Route): string {
  return route.path.startsWith('/admin/') ? 'tenant IT' : 'booking services';
}

function tagMeans(tag: string): string {
  return tag === 'tenant IT' ? 'Connections, runs and keys.' : 'Users and what changed about them.';
}

function parametersOf(schema: z.ZodType | undefined, place: 'path' | 'query'): Parameter[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = inline(schema);
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description ? { description } : {}),
    schema: rest,
  }));
}

function headersOf(route: Route): Parameter[] {
  const header = (name: string, description: string): Parameter => ({
    name,
    in: 'header',
    required: false,
    description,
    schema: { type: 'string' },
  });
  if (route.method === 'POST') {
    return [
      header(
        'Idempotency-Key',
        route.changesNothing
          ? 'Accepted; there is no effect to repeat.'
          : 'Any text of your own; a repetition with it gets the first answer.',
      ),
    ];
  }
  return route.method === 'GET' && route.path !== '/v1/changes'
    ? [header('If-None-Match', 'An ETag: 304 if nothing changed.')]
    : [];
}

function answersOf(route: Route): Operation['responses'] {
  const etag = { ETag: { description: 'For If-None-Match.', schema: { type: 'string' } } };
  const answers: Operation['responses'] = {};
  for (const [status, { means, schema }] of Object.entries(route.answers)) {
    answers[status] = {
      description: means,
      ...(route.method === 'GET' && route.path !== '/v1/changes' ? { headers: etag } : {}),
      ...(schema ? { content: { 'application/json': { schema: reference(schema) } } } : {}),
    };
  }
  if (route.method === 'GET' && route.path !== '/v1/changes') answers['304'] = { description: 'Nothing changed.' };
  return answers;
}

function componentSchemas(): Record<string, JsonSchema> {
  const { schemas } = z.toJSONSchema(published, {
    io: 'input',
    uri: (id) => `#/components/schemas/${id}`,
    override: ({ zodSchema, jsonSchema }) => tidy(zodSchema, jsonSchema as JsonSchema),
  }) as { schemas: Record<string, JsonSchema> };
  const named = Object.entries(schemas).map(([id, { $schema: _, $id: __, ...schema }]) => [id, schema] as const);
  return Object.fromEntries([...named, ['Problem', problemSchema] as const].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function inline(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    io: 'input',
    override: ({ zodSchema, jsonSchema }) => tidy(zodSchema, jsonSchema as JsonSchema),
  }) as JsonSchema;
}

/** Leaves out what only repeats: patterns of a format, the range of a double. */
function tidy(_schema: unknown, json: JsonSchema): void {
  if (json.format !== undefined) delete json.pattern;
  if (json.maximum === Number.MAX_SAFE_INTEGER) delete json.maximum;
  if (json.minimum === Number.MIN_SAFE_INTEGER) delete json.minimum;
}

function reference(schema: z.ZodType): JsonSchema {
  const entry = published.get(schema);
  if (!entry) throw new Error('a body or an answer has a schema without a published name; wrap it in named()');
  return { $ref: `#/components/schemas/${entry.id}` };
}

/** The scopes in words, for the page. */
export const scopeTable: readonly (readonly [string, string])[] = Object.entries(scopes);
