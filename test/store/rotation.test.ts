import { expect } from 'chai';
import { newMasterKeyText } from '../../src/crypto/keys.ts';
import { testHub } from '../support/hub.ts';
import { logOnOf } from '../support/memory-source.ts';

describe('a rotation of SLUICE_KEY', () => {
  it('is over once a tenant was opened with both keys: the new one opens everything, the old one nothing', async () => {
    const hub = await testHub();
    const { tenantId, users } = await hub.tenant();
    const { user } = await users.logOn(logOnOf(1));
    const key = newMasterKeyText();
    const both = hub.under(key, hub.masterKey);
    expect((await (await both.tenant(tenantId)).users.get(user.id))?.fields.email).to.equal('p1@acme.example');
    await both.close();

    const fresh = hub.under(key);
    expect((await (await fresh.tenant(tenantId)).users.findByEmail('p1@acme.example'))?.id).to.equal(user.id);
    await fresh.close();

    const old = hub.under(hub.masterKey);
    const refusal = await old.tenant(tenantId).catch((error: Error) => error.message);
    expect(refusal).to.match(/^SLUICE_KEY is not the key that this database was filled with/);
    await old.close();
  });

  it('changes nothing where both keys are the same', async () => {
    const hub = await testHub();
    const { tenantId } = await hub.tenant();
    const same = hub.under(hub.masterKey, newMasterKeyText());
    expect((await same.tenant(tenantId)).tenantId).to.equal(tenantId);
    await same.close();
  });
});
