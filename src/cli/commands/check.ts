import { type CheckFinding, passed } from '../../contract/check.ts';
import { type Command, type Context, declare, exits, type JsonOption } from '../context.ts';
import { wrap } from '../table.ts';
import { connectionTarget, openConnection } from '../target.ts';
import type { Style } from '../terminal.ts';

export function check(program: Command, context: Context): void {
  const { style, json, say, end } = context;
  declare(
    program,
    'check <tenant/connection>',
    'try a connection: name, connection, TLS, sign-in, permission (too little, and too much); reads nothing in',
    'sluice check acme/people',
  ).action(async (target: string, options: JsonOption) => {
    const named = connectionTarget(target);
    const { report, status } = await context.attached('check', async ({ store, sync }) => {
      const { tenant, status } = await openConnection(store, named);
      return { status, report: await sync.check(tenant.tenantId, status.name) };
    });
    const works = passed(report);
    if (!works) end(exits.failed);
    if (options.json) return json({ connection: target, passed: works, findings: report.findings });
    for (const finding of report.findings) showFinding(context, finding);
    say();
    if (!works) return say(style.bad(`A run of ${target} would fail.`));
    const tooMuch = report.findings.some(({ outcome }) => outcome === 'too-much');
    say(
      tooMuch
        ? style.doubt(`A run of ${target} would work; the account may read more than it should.`)
        : style.good(`A run of ${target} would work.`),
    );
    if (status.paused)
      say(`Look at what it would let in with \`sluice preview ${target}\`, then \`sluice resume ${target}\`.`);
  });
}

type Outcome = CheckFinding['outcome'];

/** A tick, an exclamation mark, a cross; in letters where nobody knows what the other end can show. */
const marks: Readonly<Record<Outcome, readonly [sign: string, letters: string, paint: keyof Style]>> = {
  ok: ['✓', '[ok]', 'good'],
  note: ['·', '[--]', 'faint'],
  'too-much': ['!', '[!!]', 'doubt'],
  'too-little': ['✗', '[no]', 'bad'],
  failed: ['✗', '[no]', 'bad'],
};
const STEP_COLUMNS = 'connection'.length;

function showFinding({ terminal, style, say }: Context, { step, outcome, sentence }: CheckFinding): void {
  const [sign, letters, paint] = marks[outcome];
  const mark = terminal.outIsTerminal ? sign : letters;
  const lead = `${style[paint](mark)} ${step.padEnd(STEP_COLUMNS)}  `;
  const indent = mark.length + 1 + STEP_COLUMNS + 2;
  const room = terminal.columns === undefined ? Number.POSITIVE_INFINITY : Math.max(30, terminal.columns - indent);
  const lines = wrap(sentence, room);
  say(lead + lines[0]);
  for (const line of lines.slice(1)) say(' '.repeat(indent) + line);
}
