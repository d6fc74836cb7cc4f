import { expect } from 'chai';
import { BadInput } from '../../../src/base/errors.ts';
import { parseAddressRules } from '../../../src/sync/net/index.ts';
import { rulesCover } from '../../../src/sync/net/rules.ts';

describe('address rules', () => {
  it('are read with and without tenant and ports', () => {
    expect(parseAddressRules('10.1.0.0/16, acme=10.2.3.4/32:636 ,x-1=fd00:12::/64:389|8000-8100')).to.deep.equal([
      { address: '10.1.0.0', prefix: 16 },
      { address: '10.2.3.4', prefix: 32, tenant: 'acme', ports: [[636, 636]] },
      {
        address: 'fd00:12::',
        prefix: 64,
        tenant: 'x-1',
        ports: [
          [389, 389],
          [8000, 8100],
        ],
      },
    ]);
  });

  it('are none when nothing is set', () => {
    expect(parseAddressRules(undefined)).to.deep.equal([]);
    expect(parseAddressRules(' , ')).to.deep.equal([]);
  });

  it('cover their network, tenant and ports and nothing beside them', () => {
    const rules = parseAddressRules('acme=10.2.0.0/15:389|636-640,0.0.0.0/0:8443');
    const covers = (tenant: string, address: string, port: number) => rulesCover(rules, tenant, address, port);
    expect(covers('acme', '10.2.0.0', 389)).to.equal(true);
    expect(covers('acme', '10.3.255.255', 640)).to.equal(true);
    expect(covers('acme', '::ffff:10.2.0.1', 638)).to.equal(true);
    expect(covers('acme', '10.4.0.0', 389)).to.equal(false);
    expect(covers('acme', '10.1.255.255', 389)).to.equal(false);
    expect(covers('acme', '10.2.0.1', 641)).to.equal(false);
    expect(covers('other', '10.2.0.1', 389)).to.equal(false);
    expect(covers('other', '10.2.0.1', 8443)).to.equal(true);
    expect(covers('other', 'fd00::1', 8443)).to.equal(false);
  });

  const refused: [string, RegExp][] = [
    ['10.0.0.5', /10\.1\.2\.3\/32/],
    ['10.0.0.5/33', /prefix longer/],
    ['10.0.0.5/8', /10\.0\.0\.0\/8 for the network or 10\.0\.0\.5\/32/],
    ['fd00::1/64', /fd00::\/64 for the network or fd00::1\/128/],
    ['10.1/16', /cannot be read/],
    ['0x0a.0.0.0/8', /cannot be read/],
    ['ACME=10.0.0.0/8', /cannot be read/],
    ['::ffff:10.0.0.0/104', /write it as IPv4/],
    ['10.0.0.0/8:0', /ports from 1 to 65535/],
    ['10.0.0.0/8:70000', /ports from 1 to 65535/],
    ['10.0.0.0/8:90-80', /ports from 1 to 65535/],
    ['10.0.0.0/8:80|', /ports from 1 to 65535/],
    ['10.0.0.0/8:80--90', /ports from 1 to 65535/],
    ['localhost/8', /cannot be read/],
  ];
  for (const [text, sentence] of refused)
    it(`refuse ${text} and say how to write it`, () => {
      expect(() => parseAddressRules(text)).to.throw(BadInput, sentence);
    });
});
