import type { AnswerObject, JsonSchema, OpenApi, Operation } from '../openapi.ts';
import { scopeTable } from '../openapi.ts';
import { problemsOfEveryRoute } from '../openapi-problems.ts';
import { problemNames, problems } from '../problems.ts';
import { type Html, html, prose, spans } from './html.ts';
import { schemaTable, typeName } from './schema-table.ts';
import { docsStyle } from './style.ts';

export { docsStyle } from './style.ts';

interface Entry {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

/** The OpenAPI document as one page to read: no script, nothing from elsewhere. */
export function docsPage(document: OpenApi): string {
  const entries: Entry[] = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
  const page = html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Sluice: HTTP interface</title>
<style>STYLE</style></head>
<body>
<nav aria-label="Contents">
<strong class="home">Sluice</strong>
<ul><li><a href="#start">Start</a></li><li><a href="#scopes">Scopes</a></li><li><a href="#problems">Problems</a></li><li><a href="#schemas">Schemas</a></li>
<li><a href="/openapi.json">openapi.json</a></li></ul>
${document.tags.map((tag) => html`<strong>For ${tag.name}</strong><ul>${ofTag(entries, tag.name).map(contentsLine)}</ul>`)}
</nav>
<main>
<h1 id="start">HTTP interface</h1>
${prose(document.info.description)}
${start()}
${document.tags.map(
  (tag) => html`<h2 id="${slug(tag.name)}">For ${tag.name}</h2><p>${tag.description}</p>
${ofTag(entries, tag.name).map((entry) => card(entry, document))}`,
)}
<h2 id="scopes">Scopes</h2>
<table><tbody>${scopeTable.map(([name, means]) => html`<tr><td class="name"><code>${name}</code></td><td>${means}</td></tr>`)}</tbody></table>
<h2 id="problems">Problems</h2>
<p>Every failure is <code>application/problem+json</code> (RFC 9457). <code>retry</code> says whether the same request may work: never, later by itself, or after a person changed something.</p>
<table><thead><tr><th>type</th><th>status</th><th>retry</th><th>meaning</th></tr></thead><tbody>${problemNames.map(problemRow)}</tbody></table>
<h2 id="schemas">Schemas</h2>
<p>A field marked <span class="must">*</span> is always there.</p>
${Object.entries(document.components.schemas).map(([name, schema]) => schemaCard(name, schema))}
</main>
</body>
</html>
`;
  // The style goes in unescaped and byte for byte: its digest is in the policy.
  return page.text.replace('STYLE', () => docsStyle);
}

function start(): Html {
  return html`<h4>Try it</h4>
<pre><code>curl -H "Authorization: Bearer $SLUICE_API_KEY" "$SLUICE_URL/v1/changes?include=entities"</code></pre>`;
}

const ofTag = (entries: readonly Entry[], tag: string) =>
  entries.filter(({ operation }) => operation.tags.includes(tag));
const slug = (text: string) => text.replaceAll(' ', '-');

function contentsLine({ method, operation }: Entry): Html {
  return html`<li><a href="#${operation.operationId}"><span class="method ${method.toLowerCase()}">${method}</span> ${operation.summary}</a></li>`;
}

function card({ method, path, operation }: Entry, document: OpenApi): Html {
  const body = operation.requestBody?.content['application/json'].schema;
  return html`<section class="card" id="${operation.operationId}">
<h3>${operation.summary}</h3>
<div class="call"><span class="method ${method.toLowerCase()}">${method}</span> <code>${path}</code><span class="scope">scope <code>${operation['x-scope']}</code></span></div>
${prose(operation.description)}
${parameters(operation)}
${body ? bodyPart(body, operation.requestBody?.required === true, document) : undefined}
${answers(operation)}
</section>`;
}

function parameters(operation: Operation): Html {
  if (!operation.parameters) return html``;
  const members = Object.fromEntries(
    operation.parameters.map(({ name, description, schema, in: place }) => [
      name,
      {
        ...schema,
        description: [place === 'header' ? 'Header.' : '', description ?? ''].filter(Boolean).join(' '),
      },
    ]),
  );
  const required = operation.parameters.filter((parameter) => parameter.required).map(({ name }) => name);
  return html`<h4>Parameters</h4>${schemaTable({ properties: members, required })}`;
}

function bodyPart(body: JsonSchema, required: boolean, document: OpenApi): Html {
  const schema = resolve(body, document);
  return html`<h4>Body${required ? '' : ' (optional)'}: ${typeName(body)}</h4>${schemaTable(schema)}${example(schema)}`;
}

function answers(operation: Operation): Html {
  const good: Html[] = [];
  const bad: string[] = [];
  for (const [status, given] of Object.entries(operation.responses)) {
    const problem = '$ref' in given ? [given.$ref.split('/').at(-1) ?? ''] : given['x-problems'];
    if (problem) bad.push(...problem);
    else good.push(answerRow(status, given as AnswerObject));
  }
  return html`<h4>Answers</h4><table><tbody>${good}</tbody></table>
<p class="problems">${problemLinks(bad)}</p>`;
}

/** Those that every route can answer would drown the few that matter here. */
function problemLinks(names: readonly string[]): Html {
  const common: readonly string[] = problemsOfEveryRoute;
  const own = names.filter((name) => !common.includes(name));
  const links = own.map((name) => html`<a href="#problem-${name}">${name}</a>, `);
  return html`Problems: ${links}<a href="#problems">those of every route</a>`;
}

function answerRow(status: string, answer: AnswerObject): Html {
  const schema = answer.content?.['application/json']?.schema;
  return html`<tr><td class="status"><code>${status}</code></td><td>${spans(answer.description)}</td><td class="kind">${schema ? typeName(schema) : ''}</td></tr>`;
}

function problemRow(name: (typeof problemNames)[number]): Html {
  const { status, retry, meaning } = problems[name];
  return html`<tr id="problem-${name}"><td class="name"><code>${name}</code></td><td class="status">${status}</td><td class="status">${retry}</td><td>${spans(meaning)}</td></tr>`;
}

function schemaCard(name: string, schema: JsonSchema): Html {
  const words = schema.enum ? schema.enum.map(String).join(', ') : undefined;
  return html`<section class="card" id="schema-${name}"><h3>${name}</h3>
${prose(schema.description)}
${words ? html`<p>${words}</p>` : schemaTable(schema)}
${example(schema)}
</section>`;
}

function example(schema: JsonSchema): Html {
  if (schema.example === undefined) return html``;
  return html`<details><summary>Example</summary><pre><code>${JSON.stringify(schema.example, null, 2)}</code></pre></details>`;
}

function resolve(schema: JsonSchema, document: OpenApi): JsonSchema {
  if (!schema.$ref) return schema;
  return document.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {};
}
