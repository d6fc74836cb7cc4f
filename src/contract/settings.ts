/**
 * Settings of a connection, declared by its connector. One declaration is configuration schema, documentation,
 * `--help` and validation; secrets are sealed when stored and never shown again.
 */
export type SettingKind =
  | 'text'
  | 'url'
  | 'secret'
  | 'flag'
  | 'integer'
  | 'choice'
  | 'certificates'
  | 'texts'
  | 'days-around'
  | 'expiry';

export interface SettingDeclaration<T = unknown> {
  readonly kind: SettingKind;
  readonly description: string;
  readonly example?: string;
  readonly required: boolean;
  readonly default?: T;
  /** Schemes a `url` may have, with colon (`https:`). */
  readonly schemes?: readonly string[];
  readonly choices?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  /** Of a window of days: the largest that either side may have. */
  readonly most?: { readonly back: number; readonly ahead: number };
  /** Another value of it still reads the same things from the same place: a new password is not a new source. */
  readonly rotates?: true;
  /** What we call something: its value is not told to the source. */
  readonly ours?: true;
  /** Of an `expiry`: the setting whose value ends on that day. */
  readonly of?: string;
  /** Type carrier; never present at run time. */
  readonly value?: T;
}

export type SettingsShape = Readonly<Record<string, SettingDeclaration>>;
export type SettingsOf<S extends SettingsShape> = {
  readonly [K in keyof S]: S[K] extends SettingDeclaration<infer T> ? T : never;
};

interface Options<T> {
  example?: string;
  default?: T;
}

const declare = <T>(kind: SettingKind, description: string, extra: object): SettingDeclaration<T> => ({
  kind,
  description,
  required: !('default' in extra),
  ...extra,
});

export const text = (description: string, options: Options<string> = {}): SettingDeclaration<string> =>
  declare('text', description, options);

/** An optional text: absent is `undefined`. */
export const optionalText = (
  description: string,
  options: { example?: string; ours?: true } = {},
): SettingDeclaration<string | undefined> => ({ ...declare('text', description, options), required: false });

export const url = (
  description: string,
  options: Options<string> & { schemes?: readonly string[] } = {},
): SettingDeclaration<string> => declare('url', description, { schemes: ['https:'], ...options });

/** Sealed at rest, write-only over HTTP; `${env:…}` and `${file:…}` are resolved only in settings declared secret. */
export const secret = (description: string): SettingDeclaration<string> =>
  declare('secret', description, { rotates: true });

export const optionalSecret = (description: string): SettingDeclaration<string | undefined> => ({
  ...declare('secret', description, { rotates: true }),
  required: false,
});

export const flag = (description: string, byDefault: boolean): SettingDeclaration<boolean> =>
  declare('flag', description, { default: byDefault });

/** A flag that says nothing unless it is set. */
export const optionalFlag = (description: string): SettingDeclaration<boolean | undefined> => ({
  ...declare('flag', description, {}),
  required: false,
});

export const integer = (
  description: string,
  options: { default: number; min: number; max: number },
): SettingDeclaration<number> => declare('integer', description, options);

export const choice = <const C extends string>(
  description: string,
  choices: readonly C[],
  options: { default: C },
): SettingDeclaration<C> => declare('choice', description, { choices, ...options });

/** Several texts; none if nothing is given. */
export const texts = (description: string): SettingDeclaration<readonly string[]> => ({
  ...declare<readonly string[]>('texts', description, { default: [] }),
  required: false,
});

/** PEM certificates of private certificate authorities, one text holding one or more. */
export const certificates = (description: string): SettingDeclaration<string | undefined> => ({
  ...declare('certificates', description, {}),
  required: false,
});

/** The day on which the value of another setting ends, where nobody can see it in the value: `2027-05-01`. */
export const expiry = (of: string, description: string): SettingDeclaration<string | undefined> => ({
  ...declare('expiry', description, { of, rotates: true, example: '2027-05-01' }),
  required: false,
});

type Given = Readonly<Record<string, unknown>>;

/** A configuration may be older than a setting: what it does not say is as the connector has it by itself. */
export function withDefaults(shape: SettingsShape, given: Given): Given {
  const defaults = Object.entries(shape).flatMap(([name, { default: value }]) =>
    value === undefined ? [] : [[name, value]],
  );
  return { ...Object.fromEntries(defaults), ...given };
}

/**
 * What says whom the source is asked as, and where: a source counts requests by it, so that under another name, with another
 * secret or at another address a wait that it asked for is over.
 */
export function askedAs(shape: SettingsShape, given: Given): Given {
  const names: readonly SettingKind[] = ['url', 'text', 'secret'];
  return Object.fromEntries(
    Object.entries(withDefaults(shape, given)).filter(
      ([name]) => names.includes(shape[name]?.kind ?? 'text') && !shape[name]?.ours,
    ),
  );
}

/** What says what is read and from where: neither what rotates, nor what is as it would be without being said. */
export function essential(shape: SettingsShape, given: Given): Given {
  return Object.fromEntries(
    Object.entries(given).filter(([name, value]) => {
      const declared = shape[name];
      return !declared?.rotates && JSON.stringify(value) !== JSON.stringify(declared?.default);
    }),
  );
}
