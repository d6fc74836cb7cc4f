import { expect } from 'chai';
import { encoded, gone, partial, record, type SourceRecord, skip } from '../../src/contract/index.ts';
import { judgePage } from '../../src/sync/judge.ts';
import { entry, keyOf, planOf, rulesOf, userOf } from '../gate/support.ts';

describe('judging several records of one person on a page', () => {
  const plan = planOf('users');
  const rules = rulesOf([userOf(1)]);
  const change = (more: SourceRecord) => partial({ id: entry(1).id, mail: entry(1).mail, ...more });
  const kept = (...items: Parameters<typeof judgePage>[2]) => judgePage(plan, rules, items).kept[0]!;

  it('lays a change over the whole record before it: what it does not tell stands', () => {
    const { fields, partial: isPartial, matches } = kept(record(entry(1)), change({ title: 'New', phone: null }));
    expect(fields).to.include({ job_title: 'New', phone: null, department: 'Tests', given_name: 'Given1' });
    expect(isPartial).to.equal(false);
    expect(matches).to.deep.equal([{ kind: 'directory-id', value: `people:${keyOf(1)}` }]);
  });

  it('takes two changes for one, which says no more than they do', () => {
    const one = kept(change({ title: 'First', phone: null }), change({ title: 'New' }));
    expect(one.fields).to.deep.equal({ email: 'p1@acme.example', job_title: 'New', phone: null });
    expect(one.partial).to.equal(true);
  });

  it('lets a whole record stand for itself', () => {
    const { department: _, ...without } = entry(1);
    const { fields, partial: isPartial } = kept(change({ department: 'Former' }), record(without));
    expect(fields).to.include({ department: null });
    expect(isPartial).to.equal(false);
  });
});

describe('judging a thing that is told gone and then cannot be read', () => {
  it('takes it for there: the last word counts', () => {
    const items = [gone('r1'), gone('r2'), skip('r1')];
    const page = judgePage(planOf('lockers'), rulesOf([]), items);
    expect([page.goneKeys, page.keysStillThere]).to.deep.equal([['r2'], ['r1']]);
  });
});

describe('judging records that are still encoded', () => {
  const plan = planOf('users');
  /** Tells a record as a connector would, and notes what was looked at. */
  function told(records: readonly (SourceRecord | undefined)[]) {
    const looks: [number: number, fields: readonly string[] | 'all'][] = [];
    const item = encoded(records.length, (number, fields) => {
      looks.push([number, fields ? [...fields] : 'all']);
      const whole = records[number];
      const record =
        whole && fields ? Object.fromEntries(Object.entries(whole).filter(([name]) => fields.has(name))) : whole;
      return { key: String(whole?.id ?? keyOf(number)), record };
    });
    return { item, looks };
  }

  it('looks at no more of a stranger than decides that it is one, and at all of a user', () => {
    const { item, looks } = told([entry(1), entry(2)]);
    const page = judgePage(plan, rulesOf([userOf(2)]), [item]);
    const deciding = ['id', 'mail', 'kind', 'disabled'];
    expect(looks).to.deep.equal([
      [0, deciding],
      [1, deciding],
      [1, 'all'],
    ]);
    expect(page.dropped).to.deep.equal({ 'not-a-user': 1 });
    expect(page.kept.map(({ fields }) => fields.job_title)).to.deep.equal(['Title 2']);
  });

  it('counts a user’s record that cannot be read whole as invalid, and takes nothing away for it', () => {
    const item = encoded(1, (_number, fields) => ({ key: keyOf(1), record: fields ? entry(1) : undefined }));
    const page = judgePage(plan, rulesOf([userOf(1, { bound: [keyOf(1)] })]), [item]);
    expect(page.dropped).to.deep.equal({ invalid: 1 });
    expect(page.alsoSeen).to.deep.equal(['user-1']);
  });

  it('counts one of which nothing can be read as invalid, by its key still there', () => {
    const { item } = told([undefined]);
    const page = judgePage(plan, rulesOf([userOf(0, { bound: [keyOf(0)] })]), [item]);
    expect(page).to.deep.include({ read: 1, dropped: { invalid: 1 }, alsoSeen: ['user-0'] });
  });
});
