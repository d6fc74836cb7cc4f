import { expect } from 'chai';
import { type Client, connect, everything, ids, user } from './support.ts';

describe('users and groups of the sandbox', () => {
  let client: Client;
  beforeEach(async () => {
    client = await connect({ pageSize: 2 });
    for (const name of ['ann', 'bob', 'cid', 'dee', 'eve']) client.graph.putUser(user(name));
  });
  afterEach(() => client.graph.stop());
  const filter = (text: string) => `/users?$select=id,mail&$filter=${encodeURIComponent(text)}`;

  it('are listed in pages, without those removed', async () => {
    client.graph.removeUser('id-bob', 'changed');
    expect(ids(await everything(client, '/users?$select=id'))).to.deep.equal(['id-ann', 'id-cid', 'id-dee', 'id-eve']);
    expect((await client.get('/users?$top=3')).body.value).to.have.length(3);
    expect((await client.get('/users?$top=1000')).status).to.equal(400);
  });

  it('are found by id or mail, in any case', async () => {
    const { body } = await client.get(filter("id eq 'id-ann' or mail eq 'BOB@acme.example' or mail eq 'nobody@x'"));
    expect(body.value).to.deep.equal([
      { id: 'id-ann', mail: 'ann@acme.example' },
      { id: 'id-bob', mail: 'bob@acme.example' },
    ]);
    const listed = await client.get(filter("id in ('id-cid', 'id-dee')"));
    expect(ids(listed.body.value)).to.deep.equal(['id-cid', 'id-dee']);
  });

  it('are found by an alias, which only any() looks for, with the letters of its kind as they are', async () => {
    const proxyAddresses = ['SMTP:ann@acme.example', 'smtp:A.Smith@acme.example', 'X500:/o=acme/cn=ann'];
    client.graph.putUser(user('ann', { proxyAddresses }));
    const by = async (text: string) => ids((await client.get(filter(text))).body.value);
    const any = (value: string) => `proxyAddresses/any(p:p eq '${value}')`;
    expect(await by(any('smtp:a.smith@acme.example'))).to.deep.equal(['id-ann']);
    expect(await by(any('SMTP:ann@acme.example'))).to.deep.equal(['id-ann']);
    expect(await by(`${any('smtp:ann@acme.example')} or ${any('SMTP:a.smith@acme.example')}`)).to.deep.equal([]);
    expect(await by(`mail eq 'bob@acme.example' or ${any('smtp:a.smith@acme.example')}`)).to.deep.equal([
      'id-ann',
      'id-bob',
    ]);
    for (const bad of ["proxyAddresses eq 'smtp:a'", "mail/any(p:p eq 'a')", "proxyAddresses/any(p:q eq 'a')"])
      expect((await client.get(filter(bad))).status, bad).to.equal(400);
  });

  it('have a mailbox that Exchange opens by any address, and an account that the directory finds by two names', async () => {
    client.graph.putUser(user('ann', { proxyAddresses: ['SMTP:ann@acme.example', 'smtp:a.smith@acme.example'] }));
    const window = 'startDateTime=2026-12-01T00:00:00Z&endDateTime=2026-12-02T00:00:00Z';
    const status = async (path: string) => (await client.get(path)).status;
    expect(await status(`/users/a.smith@acme.example/calendarView?${window}`)).to.equal(200);
    expect(await status('/users/a.smith@acme.example')).to.equal(404);
  });

  it('are found by a value with a quote, which the filter doubles', async () => {
    client.graph.putUser(user('o’hara', { mail: "o'hara@acme.example" }));
    expect((await client.get(filter("mail eq 'o''hara@acme.example'"))).body.value).to.have.length(1);
    expect((await client.get(filter("mail eq 'o'hara@acme.example'"))).status).to.equal(400);
  });

  it('are found by their immutable id, which comes only if it is selected', async () => {
    const id = 'QUJDREVGR0hJSktMTU5PUA==';
    client.graph.putUser(user('ann', { onPremisesImmutableId: id }));
    const by = encodeURIComponent(`onPremisesImmutableId eq '${id}'`);
    const { body } = await client.get(`/users?$select=onPremisesImmutableId&$filter=${by}`);
    expect(body.value).to.deep.equal([{ id: 'id-ann', onPremisesImmutableId: id }]);
    const [usual] = (await client.get(`/users?$filter=${by}`)).body.value;
    expect(usual.id).to.equal('id-ann');
    expect(usual).not.to.have.property('onPremisesImmutableId');
  });

  it('are refused a filter of more than 15 clauses', async () => {
    const many = (count: number) => Array.from({ length: count }, (_, index) => `id eq '${index}'`).join(' or ');
    expect((await client.get(filter(many(15)))).status).to.equal(200);
    const { status, body } = await client.get(filter(many(16)));
    expect(status).to.equal(400);
    expect(body.error.message).to.match(/16\. Max allowed: 15/);
  });

  it('are refused any other filter', async () => {
    for (const bad of ["startswith(mail,'a')", "id eq 'a' and mail eq 'b'", "id eq 'a' or", 'id eq 5', "city eq 'x'"]) {
      expect((await client.get(filter(bad))).status, bad).to.equal(400);
    }
  });

  it('come one by one, what was never set as null', async () => {
    const { body } = await client.get('/users/ANN@acme.example?$select=mail,department');
    expect(body).to.deep.include({ id: 'id-ann', mail: 'ann@acme.example', department: null });
    expect((await client.get('/users/id-ann')).body).to.include.keys('businessPhones', 'jobTitle');
  });

  it('are not there after removal', async () => {
    client.graph.removeUser('id-ann', 'changed');
    const { status, body } = await client.get('/users/id-ann');
    expect([status, body.error.code]).to.deep.equal([404, 'Request_ResourceNotFound']);
  });

  it('have no property that Graph does not have', async () => {
    const { status, body } = await client.get('/users?$select=eMail');
    expect(status).to.equal(400);
    expect(body.error.message).to.include("Could not find a property named 'eMail'");
  });

  it('of a group within a group are not told as its members', async () => {
    client.graph.putGroup('inner', ['id-bob']);
    client.graph.putGroup('outer', ['id-ann', 'inner']);
    client.graph.grant(['User.Read.All', 'GroupMember.Read.All']);
    await client.signIn();
    const { body } = await client.get('/groups/outer/members?$select=id,mail');
    expect(body.value).to.deep.equal([
      { '@odata.type': '#microsoft.graph.user', id: 'id-ann', mail: 'ann@acme.example' },
      { '@odata.type': '#microsoft.graph.group', id: 'inner', mail: null },
    ]);
  });

  it('come as members of a group, without content where users may not be read', async () => {
    client.graph.putGroup('group-1', ['id-ann', 'id-bob', 'id-cid']);
    expect((await client.get('/groups/group-1/members?$select=mail')).status).to.equal(403);
    client.graph.grant(['GroupMember.Read.All', 'User.Read.All']);
    await client.signIn();
    const mails = (await everything(client, '/groups/group-1/members?$select=mail')).map(({ mail }) => mail);
    expect(mails).to.deep.equal(['ann@acme.example', 'bob@acme.example', 'cid@acme.example']);
    client.graph.grant(['GroupMember.Read.All']);
    await client.signIn();
    const [first] = await everything(client, '/groups/group-1/members?$select=mail');
    expect(first).to.deep.equal({ '@odata.type': '#microsoft.graph.user', id: 'id-ann', mail: null });
  });
});
