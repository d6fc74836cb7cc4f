import { wireArray } from './wire-array.ts';

/** A statement with its values apart: nothing from a source, a tenant or a caller is ever part of the text. */
export interface Sql {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** `sql\`SELECT … WHERE id = ${id}\``: every interpolated value becomes a parameter. */
export function sql(strings: TemplateStringsArray, ...values: readonly unknown[]): Sql {
  return {
    text: strings.reduce((text, part, index) => `${text}$${index}${part}`),
    values: values.map((value, index) => parameter(value, strings[index + 1]!)),
  };
}

function parameter(value: unknown, after: string): unknown {
  if (value === undefined) return null;
  return Array.isArray(value) ? (wireArray(value, after) ?? value) : value;
}
