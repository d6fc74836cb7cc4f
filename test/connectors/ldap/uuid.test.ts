import { expect } from 'chai';
import fc from 'fast-check';
import { canonicalUuid, guidFromUuid, uuidFromGuid } from '../../../connectors/ldap/uuid.ts';

describe('directory ids', () => {
  // Derived by hand from MS-DTYP 2.3.4.2: groups of 4, 2 and 2 bytes reversed, the last 8 as they are.
  for (const [bytes, uuid] of [
    ['4443424146454847494a4b4c4d4e4f50', '41424344-4546-4748-494a-4b4c4d4e4f50'],
    ['00000000000000000000000000000000', '00000000-0000-0000-0000-000000000000'],
    ['01000000000000000000000000000000', '00000001-0000-0000-0000-000000000000'],
    ['00000000010000000000000000000000', '00000000-0001-0000-0000-000000000000'],
    ['00000000000001000000000000000000', '00000000-0000-0001-0000-000000000000'],
    ['00000000000000000100000000000000', '00000000-0000-0000-0100-000000000000'],
    ['000000000000000000000000000000ff', '00000000-0000-0000-0000-0000000000ff'],
    ['00112233445566778899aabbccddeeff', '33221100-5544-7766-8899-aabbccddeeff'],
  ] as const)
    it(`reads the objectGUID ${bytes} as ${uuid}, and writes it back`, () => {
      expect(uuidFromGuid(Buffer.from(bytes, 'hex'))).to.equal(uuid);
      expect(guidFromUuid(uuid).toString('hex')).to.equal(bytes);
    });

  it('reads back every id it writes', () => {
    fc.assert(fc.property(fc.uuid(), (uuid) => uuidFromGuid(guidFromUuid(uuid)) === uuid));
  });

  it('takes no objectGUID of another length', () => {
    for (const length of [0, 15, 17]) expect(uuidFromGuid(Buffer.alloc(length))).to.equal(undefined);
  });

  it('writes an entryUUID in lower case without braces', () => {
    const uuid = '41424344-4546-4748-494a-4b4c4d4e4f50';
    for (const written of [uuid, uuid.toUpperCase(), `{${uuid}}`, ` ${uuid} `])
      expect(canonicalUuid(written)).to.equal(uuid);
    for (const other of ['', uuid.slice(1), `${uuid}0`, uuid.replace('4', 'g'), uuid.replaceAll('-', '')])
      expect(canonicalUuid(other)).to.equal(undefined);
  });
});
