import { z } from 'zod';
import { named } from '../route.ts';
import { feature, line } from '../shapes.ts';

export const optInParams = z.strictObject({ id: z.uuid(), feature });
export type OptInParams = z.infer<typeof optInParams>;

export const optInEvidence = named(
  'OptInEvidence',
  z
    .strictObject({
      text_version: line(64).min(1).describe('Which version of the text the user agreed to.'),
      locale: z
        .string()
        .max(35)
        .regex(/^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, { error: 'is not a language tag' })
        .describe('In which language it was shown (BCP 47).'),
    })
    .meta({ example: { text_version: '2026-03', locale: 'nl-NL' } }),
);
export type OptInEvidenceBody = z.infer<typeof optInEvidence>;

export const optIns = named(
  'OptIns',
  z
    .object({
      id: z.uuid(),
      opt_ins: z.array(feature).describe('What the user has switched on now, of the features the key is for.'),
      version: z.int().min(0),
    })
    .meta({
      description: 'A user’s opt-ins. No name: the scope that writes them need not be one that reads users.',
      example: { id: '019ab3f2-7c1e-7d3a-9f10-2b6f6f0c9a11', opt_ins: ['hybrid-meetings'], version: 4183 },
    }),
);
