/**
 * A feature is something the tenant switched on: the only reason to keep anything beyond name, e-mail and the
 * match values that identify a user.
 */
export interface FeatureDeclaration {
  /** What employees are told the data is for. */
  readonly purpose: string;
  /** Whether each user must switch it on for themselves before anything is kept about them. */
  readonly optIn: boolean;
}

const feature = (purpose: string, optIn = false): FeatureDeclaration => ({ purpose, optIn });

export const features = {
  'people-directory': feature('Show phone number, job title and department where a booking needs them.'),
  'find-colleague': feature('Let colleagues find where a user is right now.', true),
  'room-booking': feature('Show which rooms and desks exist and when they are free.'),
  'hybrid-meetings': feature('Plan meetings around the times a user is busy or free.', true),
  lockers: feature('Show which lockers are free and which one is whose.'),
  'check-in': feature('Let a user check in at a site for the day.', true),
  occupancy: feature('Show how many places are in use, never by whom.'),
} as const satisfies Record<string, FeatureDeclaration>;

export type Feature = keyof typeof features;
export const featureNames = Object.keys(features) as Feature[];

export function isFeature(name: string): name is Feature {
  return Object.hasOwn(features, name);
}
