import { NeedsAttention } from '../../base/errors.ts';
import { type Command, type Context, declare, type JsonOption } from '../context.ts';
import { openTenant, tenantTarget } from '../target.ts';

export function config(program: Command, context: Context): void {
  const { deps, terminal, json } = context;
  declare(
    program,
    'config <tenant>',
    "a tenant's live configuration as a file that can be applied again; secrets stay out of it",
    'sluice config acme > acme.yaml',
  ).action(async (given: string, options: JsonOption) => {
    const name = tenantTarget(given);
    const live = await context.attached('config', async ({ store }) =>
      (await openTenant(store, name)).configuration.read(),
    );
    if (!live) throw new NeedsAttention(`${name} has no configuration yet; \`sluice apply FILE\` gives it one.`);
    const { printConfiguration } = await import('../../tenants/index.ts');
    const text = printConfiguration(live.configuration, deps.connectors);
    if (!options.json) return terminal.out(text);
    const { parse } = await import('yaml');
    // Read back from the text: so this can hold no secret that the text does not hold.
    json({ tenant: name, version: live.version, configuration: parse(text) as unknown });
  });
}
