import type { Notice, NoticeKind } from './notice.ts';
import { plainLine, utcMinute, wrapped } from './words.ts';

export interface MailText {
  readonly subject: string;
  readonly text: string;
}

/** What to do: a reason, and the command to copy. */
type Step = readonly [why: string, command: string];

const WIDTH = 76;

const WORDS: Readonly<Record<NoticeKind, { subject: string; since: string; steps: (notice: Notice) => Step[] }>> = {
  held: {
    subject: 'removals wait for your decision',
    since: 'held since',
    steps: ({ run, tenant, connection }) => [
      ['See what the run read, kept and would remove:', `sluice run ${run}`],
      ['Remove what the source no longer has:', `sluice approve ${run}`],
      ['Keep it all, because the source was wrong:', `sluice reject ${run}`],
      ['A later run may have taken its place; see which one waits:', `sluice runs ${tenant}/${connection}`],
    ],
  },
  failing: {
    subject: 'its runs fail',
    since: 'failing since',
    steps: ({ run, tenant, connection }) => [
      ['See the run that failed:', `sluice run ${run}`],
      ['See which of name, connection, sign-in or permission fails:', `sluice check ${tenant}/${connection}`],
      ['Once it is mended, try at once:', `sluice sync ${tenant}/${connection}`],
    ],
  },
  recovered: {
    subject: 'well again',
    since: 'well since',
    steps: ({ run }) => [['See the run that succeeded:', `sluice run ${run}`]],
  },
  expiring: {
    subject: 'what it signs in with expires',
    since: 'told on',
    steps: ({ tenant, connection }) => [
      ['Once the new one is entered, see that it works:', `sluice check ${tenant}/${connection}`],
    ],
  },
};

/** The notice as plain text for a person: who, since when, what happened, what to do. */
export function mailTextOf(notice: Notice): MailText {
  const tenant = plainLine(notice.tenant);
  const connection = `${tenant}/${plainLine(notice.connection)}`;
  const { subject, since, steps } = WORDS[notice.kind];
  const facts = [
    ['connection', connection] as const,
    [since, utcMinute(new Date(notice.at))] as const,
    ...(notice.run === undefined ? [] : [['run', plainLine(notice.run)] as const]),
    ...(notice.expires ? [['setting', notice.expires.setting] as const] : []),
  ];
  const paragraphs = [
    facts.map(([name, value]) => `${name.padEnd(14)}${value}`),
    wrapped(plainLine(notice.sentence), WIDTH),
    steps(notice).flatMap(([why, command]) => [why, `    ${plainLine(command)}`]),
    wrapped(
      'There is no personal data in this mail: only the name of the connection, ids and numbers. Please do not answer it; nobody reads the answers.',
      WIDTH,
    ),
    wrapped(
      `You get it because your address stands under notify: in the configuration of ${tenant}; one mail when a connection is held, fails, is well again or soon cannot sign in, not one for every run.`,
      WIDTH,
    ),
  ];
  return {
    subject: `[Sluice] ${connection}: ${subject}`,
    text: `${paragraphs.map((lines) => lines.join('\n')).join('\n\n')}\n`,
  };
}
