import { BadInput } from '../../base/errors.ts';
import type { User } from '../../store/types.ts';
import { type Command, type Context, declare, type JsonOption } from '../context.ts';
import { openTenant, tenantTarget } from '../target.ts';

interface Options extends JsonOption {
  readonly email: string;
  readonly givenName: string;
  readonly familyName: string;
  readonly directoryId?: string;
}

const DIRECTORY_ID = /^[A-Za-z0-9][A-Za-z0-9:._-]{0,99}:[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/;
const LONGEST = 256;

export function logon(program: Command, context: Context): void {
  const { json, say } = context;
  declare(
    program,
    'logon <tenant>',
    'admit a user by hand, as a log-on to the booking platform would',
    'sluice logon acme --email noor.dewit@acme.example --given-name Noor --family-name "de Wit"',
  )
    .requiredOption('--email <address>', 'business e-mail address')
    .requiredOption('--given-name <name>', 'given name')
    .requiredOption('--family-name <name>', 'family name; may be empty')
    .option('--directory-id <directory:uuid>', 'who it is in a directory, such as people:5f0c8f64-…')
    .action(async (given: string, options: Options) => {
      const name = tenantTarget(given);
      const said = logOnOf(options);
      const { outcome, user, note } = await context.attached('logon', async ({ store, sync }) => {
        const tenant = await openTenant(store, name);
        const done = await tenant.users.logOn(said);
        if (done.outcome === 'known') return { ...done, note: '' };
        // Admitted whatever a source says now: attributes that nobody could fetch come with the next run.
        const fetched = await sync.lookup(tenant.tenantId, [done.user.id]).then(
          () => true,
          () => false,
        );
        const current = (await tenant.users.get(done.user.id)) ?? done.user;
        return {
          ...done,
          user: current,
          note: fetched ? '' : ' A source did not answer; the next run brings its attributes.',
        };
      });
      if (options.json) return json({ outcome, user });
      say(`${sentenceFor(outcome, user)}${note}`);
    });
}

function logOnOf(options: Options) {
  const [email, given, family] = [options.email.trim(), options.givenName.trim(), options.familyName.trim()];
  if (!/^[^\s@]+@[^\s@]+$/.test(email) || email.length > LONGEST)
    throw new BadInput('--email is not an address; give one such as noor.dewit@acme.example.');
  if (given === '' || given.length > LONGEST || family.length > LONGEST)
    throw new BadInput(`--given-name must not be empty, and a name is at most ${LONGEST} characters.`);
  const { directoryId } = options;
  if (directoryId !== undefined && !DIRECTORY_ID.test(directoryId))
    throw new BadInput('--directory-id must be DIRECTORY:UUID, such as people:5f0c8f64-0d5b-4d2e-9a7e-3c1d2b4a5e6f.');
  return {
    email,
    given_name: given,
    family_name: family,
    ...(directoryId === undefined ? {} : { directory_id: directoryId }),
  };
}

function sentenceFor(outcome: 'created' | 'known' | 'returned', { id, confirmed }: User): string {
  if (outcome === 'known') return `Known already: user ${id}.`;
  const vouched = confirmed ? ' A directory vouches for them.' : ' No directory vouches for them yet.';
  return outcome === 'created'
    ? `Admitted as user ${id}.${vouched}`
    : `Came back as user ${id}, without opt-ins.${vouched}`;
}
