import { expect } from 'chai';
import { employeesWhoLogOn, foundCompany } from '../../src/sandbox/company.ts';
import { entryOf } from '../../src/sandbox/employee.ts';
import { accountPart } from '../../src/sandbox/names.ts';

const everything = (seed: number, people?: number) => {
  const company = foundCompany(people === undefined ? { seed } : { seed, people });
  return [...company.branches, ...company.employees.map(entryOf), ...company.junk];
};

describe('the sandbox company', () => {
  it('is the same for the same seed and another for another', () => {
    expect(everything(3)).to.deep.equal(everything(3));
    expect(everything(3)).to.not.deep.equal(everything(4));
    expect(employeesWhoLogOn({ seed: 3 })).to.deep.equal(employeesWhoLogOn({ seed: 3 }));
  });

  for (const seed of [1, 2, 20261122]) {
    it(`has something for every kind of refusal (seed ${seed})`, () => {
      const { employees, users } = foundCompany({ seed });
      const entries = everything(seed);
      const ofUsers = employees.filter((one) => users.has(one.uuid));
      expect(employees).to.have.length(300);
      expect(ofUsers).to.have.length(40);
      expect(employees.filter((one) => one.kind === 'contractor').length).to.be.within(5, 40);
      expect(employees.filter((one) => one.disabledAt).length).to.be.within(4, 30);
      expect(employees.filter((one) => !one.email).length).to.be.within(1, 20);
      expect(ofUsers.filter((one) => one.kind === 'contractor' || one.disabledAt || !one.email)).to.deep.equal([]);
      const mails = entries.flatMap((entry) => entry.attributes.mail ?? []).map((mail) => String(mail).toLowerCase());
      const twice = mails.filter((mail, at) => mails.indexOf(mail) !== at);
      expect(twice).to.have.length(1);
      expect(ofUsers.map((one) => one.email?.toLowerCase())).to.include(twice[0]);
      expect(ofUsers.filter((one) => one.title.length > 256)).to.have.length(1);
      expect(ofUsers.filter((one) => one.email !== one.email?.toLowerCase())).to.have.length(1);
    });
  }

  it('gives every entry a UUID, a name and an account of its own, at 5,000 people too', () => {
    const entries = everything(1, 5000);
    expect(new Set(entries.map((entry) => entry.uuid)).size).to.equal(entries.length);
    expect(new Set(entries.map((entry) => entry.dn.toLowerCase())).size).to.equal(entries.length);
    const accounts = entries.flatMap((entry) => entry.attributes.uid ?? []);
    expect(new Set(accounts).size).to.equal(accounts.length);
  });

  it('writes names in their own script and addresses in ASCII', () => {
    const { employees } = foundCompany({ seed: 1 });
    for (const script of ['Greek', 'Cyrillic', 'Han', 'Arabic', 'Devanagari']) {
      const inScript = new RegExp(`\\p{Script=${script}}`, 'u');
      expect(
        employees.some((one) => inScript.test(one.name.family)),
        script,
      ).to.equal(true);
    }
    expect(employees.some((one) => /[ğışłøßåđ]/i.test(one.name.given + one.name.family))).to.equal(true);
    for (const { email } of employees) if (email) expect(email).to.match(/^[a-z0-9-]+\.[a-z0-9-]+@acme\.example$/i);
  });

  it('makes accounts of letters that Unicode does not take apart', () => {
    expect(
      ['Łukasz', 'Weiß', 'Øystein', 'Þóra', 'İbrahim', 'Işıl', 'Đặng', '’t Hart', 'van den Berg'].map(accountPart),
    ).to.deep.equal(['lukasz', 'weiss', 'oystein', 'thora', 'ibrahim', 'isil', 'dang', 'thart', 'vandenberg']);
  });

  it('lets the users log on by the address and the name that the directory has', () => {
    const { employees, users } = foundCompany({ seed: 5, people: 100, logOns: 12 });
    const expected = employees
      .filter((one) => users.has(one.uuid))
      .map((one) => ({ email: one.email?.toLowerCase(), given_name: one.name.given, family_name: one.name.family }));
    expect(employeesWhoLogOn({ seed: 5, people: 100, logOns: 12 })).to.deep.equal(expected);
    expect(expected).to.have.length(12);
  });
});
