/** Everything a connector author needs, and nothing more. */
export { NeedsAttention, TooLarge, TryLater } from '../base/errors.ts';
export * from './certificates.ts';
export * from './check.ts';
export * from './connector.ts';
export * from './days-around.ts';
export * from './net.ts';
export * from './notifications.ts';
export * from './record.ts';
export * from './retry-after.ts';
export * from './scope.ts';
export * from './settings.ts';
