import { expect } from 'chai';
import { BadInput } from '../../src/base/errors.ts';
import { createNoticeSender, type NoticeKind, type NoticeSenderOptions } from '../../src/webhooks/index.ts';
import { mailServerOf } from '../../src/webhooks/mail-server.ts';
import { certificates } from '../support/certificates.ts';
import { readMail, type SmtpListener, type SmtpListenerOptions, smtpListener } from './smtp-listener.ts';
import { clock, held, plainPost, RUN } from './support.ts';

const toIt = [{ email: 'it@acme.example' }];
const senderTo = (server: SmtpListener, options: Partial<NoticeSenderOptions> = {}) =>
  createNoticeSender({ smtpUrl: `smtp://127.0.0.1:${server.port}`, post: plainPost, clock, ...options });

describe('a notice by e-mail', () => {
  it('reads well, from its subject to the commands to copy', async () => {
    await using server = await smtpListener();
    const outcomes = await senderTo(server, { from: 'sluice@hub.example' }).send(held, toIt);
    expect(outcomes).eql([{ entry: 0, channel: 'email', outcome: 'sent' }]);
    const [mail] = server.mails;
    expect(mail).include({ from: 'sluice@hub.example' });
    expect(mail!.to).eql(['it@acme.example']);
    const { headers, text } = readMail(mail!.data);
    expect(headers).include({
      from: 'Sluice <sluice@hub.example>',
      to: 'it@acme.example',
      subject: '[Sluice] acme/people: removals wait for your decision',
      date: 'Sun, 22 Nov 2026 09:15:04 +0000',
      'message-id': `<notice_${RUN}_held@hub.example>`,
      'auto-submitted': 'auto-generated',
    });
    expect(headers['content-type']).match(/^text\/plain/);
    expect(text.trimEnd()).equal(`connection    acme/people
held since    2026-11-22 09:15 UTC
run           ${RUN}

acme/people would remove more than its limit allows (users: 812); look at
run ${RUN}, then approve or reject it.

See what the run read, kept and would remove:
    sluice run ${RUN}
Remove what the source no longer has:
    sluice approve ${RUN}
Keep it all, because the source was wrong:
    sluice reject ${RUN}
A later run may have taken its place; see which one waits:
    sluice runs acme/people

There is no personal data in this mail: only the name of the connection, ids
and numbers. Please do not answer it; nobody reads the answers.

You get it because your address stands under notify: in the configuration of
acme; one mail when a connection is held, fails, is well again or soon
cannot sign in, not one for every run.`);
  });

  const commands: [NoticeKind, string, string[]][] = [
    ['failing', 'its runs fail', [`sluice run ${RUN}`, 'sluice check acme/people', 'sluice sync acme/people']],
    ['recovered', 'well again', [`sluice run ${RUN}`]],
  ];
  for (const [kind, subject, expected] of commands)
    it(`of kind ${kind} has its own subject and commands`, async () => {
      await using server = await smtpListener();
      await senderTo(server).send({ ...held, kind }, toIt);
      const { headers, text } = readMail(server.mails[0]!.data);
      expect(headers.subject).equal(`[Sluice] acme/people: ${subject}`);
      expect(text.split('\n').filter((line) => line.startsWith('    '))).eql(expected.map((line) => `    ${line}`));
    });

  it('keeps letters beyond ASCII', async () => {
    await using server = await smtpListener();
    await senderTo(server).send({ ...held, sentence: 'Łódź’s server 日本 is away; start it.' }, toIt);
    expect(readMail(server.mails[0]!.data).text).include('Łódź’s server 日本 is away; start it.');
  });

  it('goes to each receiver alone', async () => {
    await using server = await smtpListener();
    await senderTo(server).send(held, [{ email: 'a@acme.example' }, { email: 'b@acme.example' }]);
    expect(server.mails.map(({ to }) => to).sort()).eql([['a@acme.example'], ['b@acme.example']]);
    for (const { to, data } of server.mails) expect(readMail(data).headers.to).equal(to[0]);
  });

  it('lets no name or sentence add a header, a receiver or a command', async () => {
    await using server = await smtpListener();
    const evil = 'x\r\nBcc: thief@evil.example\r\n\r\n.\r\nMAIL FROM:<thief@evil.example>\r\n';
    await senderTo(server).send({ ...held, tenant: evil, connection: evil, run: evil, sentence: evil }, toIt);
    expect(server.mails).length(1);
    const { headers, text } = readMail(server.mails[0]!.data);
    const [usual] = (await senderTo(server).send(held, toIt)) && server.mails.splice(1);
    expect(Object.keys(headers)).eql(Object.keys(readMail(usual!.data).headers));
    expect(text).match(/^connection {4}x Bcc: thief@evil\.example \. MAIL FROM:<thief@evil\.example>\/x Bcc/);
    expect(text.split('\n').filter((line) => line === '.')).eql([]);
    expect(server.mails[0]!.to).eql(['it@acme.example']);
    expect(server.commands.filter((line) => line.startsWith('MAIL') && line.includes('thief'))).eql([]);
  });

  for (const email of [
    'it@acme.example\r\nBcc: thief@evil.example',
    'it@acme.example, thief@evil.example',
    'it@acme.example> SIZE=1',
    'IT <it@acme.example>',
    'it',
    '',
  ])
    it(`to ${JSON.stringify(email)} is refused before anything is sent`, async () => {
      await using server = await smtpListener();
      const [result] = await senderTo(server).send(held, [{ email }]);
      expect(result).include({ outcome: 'refused', channel: 'email' });
      expect(server.commands).eql([]);
    });

  it('without a mail server is not configured, and says where the notice stands', async () => {
    const [result] = await createNoticeSender({ post: plainPost, clock }).send(held, toIt);
    expect(result).include({ outcome: 'not-configured' });
    expect(result!.sentence).include('SLUICE_SMTP_URL').and.include('the runs and the log');
  });

  const failures: [string, SmtpListenerOptions, 'failed' | 'refused', string][] = [
    ['for a receiver it does not know', { answers: { RCPT: '550 no jan.jansen here' } }, 'refused', '(550)'],
    ['for a receiver it greylists', { answers: { RCPT: '451 later, jan.jansen' } }, 'failed', '(451)'],
    ['for a sender it does not relay', { answers: { MAIL: '553 not you, jan.jansen' } }, 'refused', '(553)'],
    ['after the text', { answers: { END: '554 spam from jan.jansen' } }, 'refused', '(554)'],
    ['that is full', { answers: { END: '452 full, jan.jansen' } }, 'failed', '(452)'],
    ['that is closing', { answers: { GREETING: '421 going, jan.jansen' } }, 'failed', 'SLUICE_SMTP_URL'],
    ['that never greets', { answers: { GREETING: null } }, 'failed', 'in time'],
    ['that never confirms', { answers: { END: null } }, 'failed', 'in time'],
  ];
  for (const [what, options, outcome, words] of failures)
    it(`at a server ${what} is ${outcome}, in our words only`, async () => {
      await using server = await smtpListener(options);
      const [result] = await senderTo(server, { mailTimeoutMs: 300 }).send(held, toIt);
      expect(result).include({ outcome });
      expect(result!.sentence).include(`127.0.0.1:${server.port}`).and.include(words);
      expect(result!.sentence).not.match(/jansen|it@acme/);
      expect(server.mails).eql([]);
    });

  it('fails when nobody listens', async () => {
    const server = await smtpListener();
    await server.stop();
    const [result] = await senderTo(server).send(held, toIt);
    expect(result).include({ outcome: 'failed' });
  });

  it('under way when the sender closes ends at once, to be tried again', async () => {
    await using server = await smtpListener({ answers: { END: null } });
    const sender = senderTo(server);
    const sending = sender.send(held, toIt);
    while (!server.commands.includes('DATA')) await new Promise((resolve) => setTimeout(resolve, 5));
    await sender.close();
    expect((await sending)[0]).include({ outcome: 'failed' });
  });

  describe('with a password', () => {
    const auth = { user: 'sluice@acme.example', password: 'p@ss:w/rd%' };
    const url = (server: SmtpListener, scheme: string, password = auth.password) =>
      `${scheme}://${encodeURIComponent(auth.user)}:${encodeURIComponent(password)}@127.0.0.1:${server.port}`;
    const send = (smtpUrl: string, ca?: string) =>
      createNoticeSender({ smtpUrl, ca, post: plainPost, clock, mailTimeoutMs: 2000 }).send(held, toIt);

    it('signs in over TLS that a private authority vouches for, and comes from that user', async () => {
      await using server = await smtpListener({ tls: true, auth });
      expect((await send(url(server, 'smtps'), certificates.authority))[0]).include({ outcome: 'sent' });
      expect(server.mails[0]).include({ from: auth.user });
      expect(server.commands.some((line) => line.startsWith('AUTH PLAIN'))).equal(true);
    });

    it('sends nothing to a server whose certificate nobody vouches for', async () => {
      await using server = await smtpListener({ tls: true, auth });
      const [result] = await send(url(server, 'smtps'), certificates.stranger);
      expect(result).include({ outcome: 'failed' });
      expect(result!.sentence).include('SLUICE_CA_FILE');
      expect(server.commands).eql([]);
    });

    it('never sends the password without TLS, even when that is all there is', async () => {
      await using server = await smtpListener({ auth });
      const [result] = await send(url(server, 'smtp'));
      expect(result).include({ outcome: 'failed' });
      expect(result!.sentence).include('STARTTLS');
      expect(server.commands.filter((line) => line.startsWith('AUTH') || line.startsWith('MAIL'))).eql([]);
    });

    it('that is wrong says so without showing it', async () => {
      await using server = await smtpListener({ tls: true, auth });
      const [result] = await send(url(server, 'smtps', 'hunter2'), certificates.authority);
      expect(result).include({ outcome: 'failed' });
      expect(result!.sentence).include('refuses the sign-in').and.not.include('hunter2');
    });
  });
});

describe('SLUICE_SMTP_URL', () => {
  const read: [string, string | undefined, { port: number; secure: boolean; from: string }][] = [
    ['smtps://mail.example', undefined, { port: 465, secure: true, from: 'sluice@mail.example' }],
    ['smtp://mail.example', undefined, { port: 587, secure: false, from: 'sluice@mail.example' }],
    ['smtp://10.1.2.3:25', undefined, { port: 25, secure: false, from: 'sluice@localhost' }],
    ['smtps://u%40a.example:x@mail.example', undefined, { port: 465, secure: true, from: 'u@a.example' }],
    ['smtps://user:x@mail.example?from=s@a.example', undefined, { port: 465, secure: true, from: 's@a.example' }],
    ['smtps://mail.example?from=s@a.example', 'hub@a.example', { port: 465, secure: true, from: 'hub@a.example' }],
  ];
  for (const [url, from, expected] of read)
    it(`${url} sends from ${expected.from} by port ${expected.port}`, () => {
      expect(mailServerOf(url, from)).include(expected);
    });

  for (const url of ['', 'mail.example', 'https://mail.example', 'smtps://', 'smtps://u:hunter2%zz@mail.example'])
    it(`${JSON.stringify(url)} cannot be read, and is not quoted`, () => {
      expect(() => mailServerOf(url, undefined))
        .throw(BadInput)
        .with.property('message')
        .that.includes('SLUICE_SMTP_URL')
        .and.not.includes('hunter2');
    });

  it('takes only one address as the sender', () => {
    expect(() => mailServerOf('smtp://mail.example?from=a@b.example%0d%0aBcc:c@d.example', undefined)).throw(BadInput);
    expect(() => mailServerOf('smtp://mail.example', 'Sluice <a@b.example>')).throw(BadInput);
  });
});
