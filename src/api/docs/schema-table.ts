import type { JsonSchema } from '../openapi.ts';
import { Html, html, spans } from './html.ts';

/** A schema as rows of name, type and meaning; members of members are indented below. */
export function schemaTable(schema: JsonSchema): Html {
  if (schema.anyOf && !schema.properties) {
    return html`${schema.anyOf.map((form, index) => html`<h4>${index === 0 ? 'Either' : 'Or'}</h4>${schemaTable(form)}`)}`;
  }
  if (!schema.properties) return html`<p>${typeName(schema)}</p>`;
  return html`<table><tbody>${rows(schema, 0)}</tbody></table>`;
}

function rows(schema: JsonSchema, depth: number): Html[] {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
    const must = required.has(name) ? html` <span class="must" title="always there">*</span>` : undefined;
    const indent = depth > 0 ? html`<span class="nested">${'– '.repeat(depth)}</span>` : undefined;
    const row = html`<tr><td class="name">${indent}<code>${name}</code>${must}</td>
<td class="kind">${typeName(member)}</td><td>${spans(meaning(member))}</td></tr>`;
    return [row, ...rows(inner(member), depth + 1)];
  });
}

/** The object whose members are worth showing below: the member itself, its items, or what it is when not null. */
function inner(member: JsonSchema): JsonSchema {
  if (member.properties) return member;
  if (member.items) return inner(member.items);
  const other = member.anyOf?.filter((form) => form.type !== 'null');
  return other?.length === 1 ? inner(other[0]!) : {};
}

function meaning(member: JsonSchema): string {
  const words = [member.description ?? ''];
  if (member.minimum !== undefined && member.maximum !== undefined)
    words.push(`From ${member.minimum} to ${member.maximum}.`);
  else if (member.maximum !== undefined) words.push(`At most ${member.maximum}.`);
  if (member.maxLength !== undefined) words.push(`At most ${member.maxLength} characters.`);
  if (member.default !== undefined && member.default !== null)
    words.push(`Absent: \`${JSON.stringify(member.default)}\`.`);
  return words.filter(Boolean).join(' ');
}

/** The type in words, with links to what has a name. */
export function typeName(schema: JsonSchema): Html {
  if (schema.$ref) {
    const name = schema.$ref.split('/').at(-1) ?? '';
    return html`<a href="#schema-${name}">${name}</a>`;
  }
  if (schema.anyOf) return join(schema.anyOf.map(typeName), ' or ');
  if (schema.const !== undefined) return html`<code>${String(schema.const)}</code>`;
  if (schema.enum)
    return join(
      schema.enum.map((value) => html`<code>${String(value)}</code>`),
      ' ',
    );
  if (schema.type === 'array') return html`list of ${typeName(schema.items ?? {})}`;
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object') {
    return html`map to ${typeName(schema.additionalProperties)}`;
  }
  if (schema.format === 'date-time') return html`instant`;
  if (schema.format === 'uuid') return html`UUID`;
  return html`${Array.isArray(schema.type) ? schema.type.join(' or ') : (schema.type ?? 'any')}`;
}

function join(parts: readonly Html[], between: string): Html {
  return new Html(parts.map((part) => part.text).join(between));
}
