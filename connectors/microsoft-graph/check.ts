import {
  type CheckContext,
  type CheckFinding,
  type CheckReport,
  type CheckStep,
  NeedsAttention,
  TryLater,
} from '../../src/contract/index.ts';
import { readCertificate } from './certificate.ts';
import {
  calendarChangesNeed,
  calendarsNeed,
  groupsNeed,
  isMet,
  type Need,
  OPENS_NOTHING,
  placesNeed,
  rolesIn,
  unneeded,
  usersNeed,
} from './permissions.ts';
import { probes } from './probes.ts';
import { type Session, sessionOf } from './session.ts';
import { credentialOf, type GraphSettings, GUID, type settings as shape } from './settings.ts';

const page = 'in the README of microsoft-graph';

/** Tries what a run needs, and one thing that it must not be able to do. No name, address or event is told. */
export async function checkTenant(context: CheckContext<typeof shape>): Promise<CheckReport> {
  const findings: CheckFinding[] = [];
  let step: CheckStep = 'connection';
  try {
    for await (const finding of examine(context, (next) => {
      step = next;
    }))
      findings.push(finding);
  } catch (error) {
    if (context.signal.aborted || !(error instanceof NeedsAttention || error instanceof TryLater)) throw error;
    const notBefore = error instanceof TryLater ? error.notBefore : undefined;
    findings.push({ step, outcome: 'failed', sentence: error.message, notBefore });
  }
  return { findings };
}

async function* examine(
  context: CheckContext<typeof shape>,
  enter: (step: CheckStep) => void,
): AsyncGenerator<CheckFinding> {
  const { settings, now } = context;
  const session = sessionOf(context);
  const credential = credentialOf(settings);
  // Before anybody is asked. That it ends soon, the hub says by itself.
  if (credential.by === 'certificate') readCertificate(credential.pem, now);
  yield* onPremises(settings);
  // Before the sign-in, which fails for a wrong graph_url as well, and cannot say why.
  await context.net.http({ url: `${session.origin}/v1.0/`, ca: settings.ca, answers: [401, 403] });
  yield { step: 'connection', outcome: 'ok', sentence: `Microsoft Graph at ${new URL(session.origin).host} answers.` };
  enter('sign-in');
  const granted = rolesIn(await session.token());
  yield { step: 'sign-in', outcome: 'ok', sentence: 'Microsoft Entra signs the application in.' };
  enter('permission');
  yield* permissions(session, granted);
  enter('records');
  yield* probes(session, granted);
}

/** DIRECTORY is one word: what it cannot be would silently recognise nobody. */
function* onPremises({ directory, on_premises_directory: named }: GraphSettings): Generator<CheckFinding> {
  if (!named) return;
  const wrong =
    named === directory
      ? 'names this connection’s own directory'
      : /^[^\s:]\S{0,127}$/.test(named)
        ? undefined
        : 'is not one word of at most 128 characters';
  if (wrong)
    yield {
      step: 'name',
      outcome: 'failed',
      sentence: `The setting on_premises_directory ${wrong}: enter the name by which the Active Directory is known, as "Beside or instead of an LDAP directory" ${page} says.`,
    };
}

function* permissions(session: Session, granted: readonly string[] | undefined): Generator<CheckFinding> {
  if (!granted) {
    yield {
      step: 'permission',
      outcome: 'note',
      sentence: 'The access token does not show its permissions; look them up at the app registration.',
    };
    return;
  }
  const { mailboxes, notifications } = session.settings;
  const byGroup = mailboxes.some((entry) => GUID.test(entry.trim()));
  const changes = notifications && mailboxes.length > 0;
  const needs = [
    ...[usersNeed, placesNeed, calendarsNeed],
    ...(byGroup ? [groupsNeed] : []),
    ...(changes ? [calendarChangesNeed] : []),
  ];
  const basicAlone = !isMet(granted, usersNeed) && granted.includes(OPENS_NOTHING);
  if (basicAlone) yield opensNothing;
  else if (!isMet(granted, usersNeed)) yield missing(usersNeed, 'too-little');
  if (!isMet(granted, placesNeed)) yield missing(placesNeed, mailboxes.length > 0 ? 'too-little' : 'note');
  if (byGroup && !isMet(granted, groupsNeed)) yield missing(groupsNeed, 'too-little');
  // Where Exchange grants the calendars, the token does not show with which permission.
  if (changes && isMet(granted, calendarsNeed) && !isMet(granted, calendarChangesNeed))
    yield missing(calendarChangesNeed, 'note');
  for (const role of unneeded(granted, needs).filter((one) => !basicAlone || one !== OPENS_NOTHING))
    yield {
      step: 'permission',
      outcome: 'too-much',
      sentence: `The permission ${role} is granted and Sluice does not need it: remove it, as "Permissions" ${page} says.`,
    };
}

const opensNothing: CheckFinding = {
  step: 'permission',
  outcome: 'too-little',
  sentence: `The application may not ${usersNeed.what}, because ${OPENS_NOTHING} opens none of them to an application: grant ${usersNeed.least[0]} instead and consent to it, as "Permissions" ${page} says.`,
};

const missing = ({ what, least }: Need, outcome: 'too-little' | 'note'): CheckFinding => ({
  step: 'permission',
  outcome,
  sentence: `The application may not ${what}: grant the application permission ${least[0]} and consent to it, as "Permissions" ${page} says.`,
});
