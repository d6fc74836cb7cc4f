import { expect } from 'chai';
import { docsPage } from '../../src/api/docs/page.ts';
import { type JsonSchema, openApi } from '../../src/api/openapi.ts';
import { problemNames } from '../../src/api/problems.ts';
import { routes } from '../../src/api/routes.ts';
import { scopeNames } from '../../src/api/scopes.ts';

const document = openApi(routes, undefined);
const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));

function references(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(references);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => (key === '$ref' ? [member as string] : references(member)));
}

describe('OpenAPI document', () => {
  it('has every route once', () => {
    const written = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(written).to.have.members(routes.map(({ method, path }) => `${method} ${path}`));
    expect(new Set(operations.map(({ operationId }) => operationId)).size).to.equal(routes.length);
  });

  it('refers only to what it holds', () => {
    for (const reference of references(document)) {
      const [, ...steps] = reference.split('/');
      const target = steps.reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], document);
      expect(target, reference).to.be.an('object');
    }
  });

  it('declares each parameter of a path', () => {
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const operation of Object.values(methods)) {
        const declared = (operation.parameters ?? [])
          .filter(({ in: place }) => place === 'path')
          .map(({ name }) => name);
        expect(declared, path).to.have.members([...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!));
      }
    }
  });

  it('lets request bodies have no unknown key, in any form', () => {
    for (const operation of operations) {
      const body = operation.requestBody?.content['application/json'].schema;
      if (!body) continue;
      const named = document.components.schemas[body.$ref!.split('/').at(-1)!]!;
      for (const form of named.anyOf ?? [named])
        expect(form.additionalProperties, operation.operationId).to.equal(false);
    }
  });

  it('names a scope that exists for every operation, and the problems it can answer', () => {
    for (const operation of operations) {
      expect(scopeNames).to.include(operation['x-scope']);
      for (const status of ['400', '401', '403', '429', '500', '503'])
        expect(operation.responses).to.have.property(status);
    }
    expect(Object.keys(document.components.responses)).to.deep.equal(problemNames);
  });

  it('gives an ETag to reads and an Idempotency-Key to every POST', () => {
    for (const [path, methods] of Object.entries(document.paths)) {
      if (methods.post)
        expect(
          methods.post.parameters?.map(({ name }) => name),
          path,
        ).to.include('Idempotency-Key');
      if (methods.get && path !== '/v1/changes') expect(methods.get.responses, path).to.have.property('304');
    }
  });

  it('shows examples that are examples of their schema', () => {
    for (const [name, schema] of Object.entries(document.components.schemas)) {
      if (schema.example === undefined) continue;
      const form = schema.anyOf ? schema.anyOf[0]! : schema;
      const properties = Object.keys(form.properties ?? {});
      expect(properties, name).to.include.members(Object.keys(schema.example as JsonSchema));
      expect(Object.keys(schema.example as object), name).to.include.members(form.required ?? []);
    }
  });
});

describe('documentation page', () => {
  const page = docsPage(document);

  it('has every route, problem and schema, and links that lead somewhere', () => {
    const ids = new Set([...page.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]));
    for (const operation of operations) expect(ids).to.include(operation.operationId);
    for (const name of problemNames) expect(ids).to.include(`problem-${name}`);
    for (const [, target] of page.matchAll(/href="#([^"]+)"/g)) expect(ids, target).to.include(target);
  });

  it('loads nothing and runs nothing', () => {
    expect(page).to.not.match(/<script|<link|<img|@import|url\(|\son\w+=|javascript:|style="/i);
    expect([...page.matchAll(/(?:href|src)="(?!#)([^"]+)"/g)].map((match) => match[1])).to.deep.equal([
      '/openapi.json',
    ]);
  });

  it('escapes what it shows', () => {
    const hostile = structuredClone(document);
    hostile.info.description = '<script>alert(1)</script> `<b>` "\'&';
    const shown = docsPage(hostile);
    expect(shown).to.not.include('<script>').and.not.include('<b>');
    expect(shown).to.include('&#60;script&#62;');
  });
});
