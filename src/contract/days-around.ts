import type { SettingDeclaration } from './settings.ts';

/** A window of days around today, each side as `90d`; a side that is left out is as the connector has it by itself. */
export interface DaysAround {
  readonly back?: string;
  readonly ahead?: string;
}

/** @param options.most days, the largest that either side may have; a whole number of days, from 0 back and 1 ahead */
export const daysAround = (
  description: string,
  options: { default: Required<DaysAround>; most: { back: number; ahead: number } },
): SettingDeclaration<DaysAround> => ({ kind: 'days-around', description, required: false, ...options });

/** @returns the two sides in days */
export function daysOf(
  given: DaysAround,
  { default: byItself }: SettingDeclaration<DaysAround>,
): { readonly back_days: number; readonly ahead_days: number } {
  const days = (side: keyof DaysAround) => Number((given[side] ?? byItself?.[side] ?? '0d').slice(0, -1));
  return { back_days: days('back'), ahead_days: days('ahead') };
}
