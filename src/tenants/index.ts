/** One tenant's configuration: schema, validate, secrets, plan, apply, print. */
export { type Applied, type ApplyRequest, applyConfiguration } from './apply.ts';
export { wrongCron } from './cron.ts';
export type { ConfigurationDraft, SecretReference } from './draft.ts';
export { durationText, parseDuration } from './duration.ts';
export { normaliseDomain, secretPrefix, wrongConnectionName, wrongTenantName } from './names.ts';
export { materialChanges, type Plan, type PlanLine, planChange, settleRenames } from './plan.ts';
export { printConfiguration } from './print.ts';
export { type Problem, problemLine } from './problem.ts';
export { loses, type Replaced, replaceConnection } from './replace.ts';
export { configurationJsonSchema, configurationSchema } from './schema.ts';
export { resolveSecrets, type SecretSources } from './secrets.ts';
export { completeSettings } from './settings.ts';
export { type Validated, validateConfiguration } from './validate.ts';
