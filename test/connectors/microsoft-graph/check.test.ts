import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import graph from '../../../connectors/microsoft-graph/index.ts';
import { passed } from '../../../src/contract/index.ts';
import type { SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import { expectGoodSentence } from '../../support/connector-suite/sentences.ts';
import { applications, check, contextFor, putRoom, ROOM, sandbox } from './support.ts';

const mailboxes = { mailboxes: [ROOM] };
const least = ['User.Read.All', 'Place.Read.All'];

describe('microsoft-graph check', () => {
  let source: SandboxGraph;
  beforeEach(async () => {
    source = await sandbox({ certificates: [applications.app] });
    putRoom(source);
    source.putUser({ id: 'u1', mail: 'ada@acme.example', displayName: 'M4RKER' });
  });
  afterEach(() => source.stop());

  async function found(settings: Record<string, unknown> = mailboxes) {
    const findings = await check(source, settings);
    for (const { sentence } of findings) expectGoodSentence(sentence);
    expect(JSON.stringify(findings)).not.to.match(/M4RKER|acme\.example/);
    return {
      passed: passed({ findings }),
      of: (outcome: string) => findings.filter((one) => one.outcome === outcome).map(({ sentence }) => sentence),
    };
  }

  it('is content with the least permissions and the mailboxes of the rooms alone', async () => {
    source.scopeMailboxes([ROOM]);
    const { passed: well, of } = await found();
    expect(well).to.equal(true);
    expect([...of('too-much'), ...of('too-little'), ...of('note'), ...of('failed')]).to.deep.equal([]);
    expect(of('ok').join(' ')).to.match(/signs the application in.*users can be read.*entry 1.*refuses, as it should/);
  });

  it('names each permission that is missing', async () => {
    source.grant(['Calendars.ReadBasic.All']);
    const { passed: well, of } = await found();
    expect(well).to.equal(false);
    expect(of('too-little').join(' ')).to.match(/User\.Read\.All.*Place\.Read\.All/);
    source.grant([...least]);
    expect((await found()).of('too-little').join(' ')).to.match(/calendar of entry 1.*403/);
    source.grant(['User.Read.All']);
    const withoutRooms = await found({});
    expect(withoutRooms.passed, 'rooms may not be wanted').to.equal(true);
    expect(withoutRooms.of('note').join(' ')).to.match(/Place\.Read\.All/);
  });

  it('names each permission that is not needed', async () => {
    source.grant([...least, 'Calendars.ReadBasic.All', 'Calendars.Read', 'Mail.Read', 'Directory.Read.All']);
    source.scopeMailboxes([ROOM]);
    const { passed: well, of } = await found();
    expect(well).to.equal(true);
    expect(of('too-much').map((one) => /The permission ([\w.]+)/.exec(one)?.[1])).to.deep.equal([
      'Calendars.Read',
      'Mail.Read',
      'Directory.Read.All',
    ]);
  });

  it('says in one sentence that User.ReadBasic.All opens nothing, and besides User.Read.All that it is not needed', async () => {
    source.scopeMailboxes([ROOM]);
    source.grant(['User.ReadBasic.All', 'Place.Read.All', 'Calendars.ReadBasic.All']);
    const alone = await found();
    expect(alone.passed).to.equal(false);
    const about = ['too-little', 'too-much', 'note', 'failed'].flatMap((outcome) => alone.of(outcome));
    expect(about.filter((one) => /User\./.test(one))).to.have.length(1);
    expect(alone.of('too-little')[0]).to.match(/User\.ReadBasic\.All opens none.*grant User\.Read\.All instead/);
    source.grant([...least, 'User.ReadBasic.All', 'Calendars.ReadBasic.All']);
    const besides = await found();
    expect(besides.passed).to.equal(true);
    expect(besides.of('too-little')).to.deep.equal([]);
    expect(besides.of('too-much')).to.have.length(1);
    expect(besides.of('too-much')[0]).to.match(/User\.ReadBasic\.All is granted and Sluice does not need it/);
  });

  it('is content with calendars that Exchange alone grants, for the rooms alone', async () => {
    source.grant([...least]);
    source.grantInExchange([ROOM]);
    const { passed: well, of } = await found();
    expect(well).to.equal(true);
    expect([...of('too-much'), ...of('too-little'), ...of('note'), ...of('failed')]).to.deep.equal([]);
    expect(of('ok').join(' ')).to.match(/entry 1.*can be read.*refuses, as it should/);
  });

  it('says over-scoped where Exchange grants the rooms alone and Entra all the same everything: the two add up', async () => {
    source.grant([...least, 'Calendars.Read']);
    source.grantInExchange([ROOM]);
    const both = (await found()).of('too-much').find((one) => /over-scoped/.test(one));
    expect(both).to.match(/for the rooms alone, then remove Calendars\.Read in Entra/);
    source.grant([...least]);
    source.grantInExchange([ROOM, 'ada@acme.example']);
    const wide = (await found()).of('too-much').find((one) => /over-scoped/.test(one));
    expect(wide).to.match(/Narrow the scope that Exchange has/);
  });

  it('says of a tenant that lists users and tells no changes of them that it cannot be read', async () => {
    source.fault({ status: 400, path: '/users/delta', code: 'somethingElse' });
    const { passed: well, of } = await found();
    expect(well).to.equal(false);
    expect(of('failed').join(' ')).to.match(/no changes of users.*\(400\).*B2C/);
    const asked = source.requests().filter(({ url }) => url.includes('/users/delta'));
    expect(
      asked.map(({ url }) => url),
      'a link, and nobody’s data',
    ).to.deep.equal(['/v1.0/users/delta?$select=id&$deltatoken=latest']);
  });

  it('wants Calendars.Read for notifications of calendars, and says what is missing without failing', async () => {
    const told = { ...mailboxes, notifications: true };
    source.grant([...least, 'Calendars.ReadBasic.All']);
    source.scopeMailboxes([ROOM]);
    const without = await found(told);
    expect([without.passed, without.of('too-much')]).to.deep.equal([true, []]);
    expect(without.of('note').join(' ')).to.match(/be told of changes.*Calendars\.Read and consent/);
    source.grant([...least, 'Calendars.Read']);
    const withIt = await found(told);
    expect([withIt.of('too-much'), withIt.of('note')]).to.deep.equal([[], []]);
    expect((await found()).of('too-much'), 'not without notifications').to.have.length(1);
  });

  it('takes either name of Calendars.ReadBasic', async () => {
    source.grant([...least, 'Calendars.ReadBasic']);
    source.scopeMailboxes([ROOM]);
    const { of } = await found();
    expect(of('too-much')).to.deep.equal([]);
  });

  it('tries one mailbox that is not named, and says over-scoped if it answers', async () => {
    const { passed: well, of } = await found();
    expect(well).to.equal(true);
    expect(of('too-much')).to.have.length(1);
    expect(of('too-much')[0]).to.match(
      /over-scoped.*remove Calendars\.ReadBasic\.All in Entra.*"Only these mailboxes"/,
    );
    const tried = source.requests().filter(({ url }) => url.includes('/users/u1/'));
    expect(tried).to.have.length(1);
    expect(tried[0]?.url).to.match(/startDateTime=2000-01-01.*\$select=id$/);
  });

  it('does not try others’ calendars where people’s must answer, and says so', async () => {
    const findings = await check(source, { mailboxes: [ROOM], people_calendars: 'free-busy-and-rooms' });
    expect(findings.some(({ sentence }) => /over-scoped/.test(sentence))).to.equal(false);
    expect(findings.map(({ sentence }) => sentence).join(' ')).to.match(/people_calendars is free-busy-and-rooms/);
  });

  it('passes over people without a mailbox, and says so if nobody is left to try', async () => {
    source.putUser({ id: 'u3', mail: 'bo@acme.example' });
    source.fault({ status: 404, path: '/users/u1/', code: 'MailboxNotEnabledForRESTAPI' });
    expect((await found()).of('too-much').join(' ')).to.match(/over-scoped/);
    source.removeUser('u3', 'deleted');
    source.removeUser('u1', 'deleted');
    source.putUser({ id: 'u2', mail: ROOM });
    expect((await found()).of('note').join(' ')).to.match(/No mailbox outside/);
  });

  it('says which entry of mailboxes has none', async () => {
    source.putUser({ id: 'u4', userPrincipalName: 'gone@acme.example', accountEnabled: false });
    expect((await found({ mailboxes: ['gone@acme.example'] })).of('too-little').join(' ')).to.match(/entry 1.*404/);
  });

  it('fails for an entry that is a person’s or nobody’s, and opens none of them, not even to try', async () => {
    source.putUser({ id: 'u5', mail: 'boss@acme.example', accountEnabled: true });
    const { of } = await found({ mailboxes: [ROOM, 'boss@acme.example', 'mistyped@acme.example'] });
    expect(of('failed').join(' ')).to.match(/Entry 2 .* signs in.*entry 3 .* no account/);
    expect(of('ok').join(' ')).to.match(/One mailbox is meant/);
    expect(source.requests().filter(({ url }) => /(boss|mistyped).*calendar/.test(url))).to.deep.equal([]);
  });

  it('says that no room’s calendar is read while mailboxes is empty', async () => {
    expect((await found({})).of('note').join(' ')).to.match(/mailboxes is empty/);
  });

  it('fails once the certificate has expired, before anybody is asked', async () => {
    const ends = new X509Certificate(applications.app).validToDate.getTime();
    const at = async (days: number) => {
      const now = new Date(ends - days * 86_400_000);
      const context = contextFor(source, 'users', {
        now,
        settings: { client_secret: undefined, certificate: applications.app },
      });
      return (await graph.check(context)).findings.filter(({ step }) => step === 'sign-in' || step === 'connection');
    };
    expect((await at(1)).map(({ outcome }) => outcome)).to.deep.equal(['ok', 'ok']);
    const asked = source.requests().length;
    expect((await at(-1))[0]).to.deep.include({ outcome: 'failed' });
    expect((await at(-1))[0]?.sentence).to.match(/expired on.*"Sign-in"/);
    expect(source.requests().length).to.equal(asked);
  });
});
