import { randomBytes } from 'node:crypto';
import { connectors } from '../../connectors/index.ts';
import { Hmac } from '../../src/crypto/hmac.ts';
import { gate, type Rules } from '../../src/gate/gate.ts';
import { planStream } from '../../src/gate/plan.ts';
import { entry } from './prepare.ts';

const RECORDS = 100_000;

/** The gate alone against `JSON.parse` of the same records: the yardstick that everybody knows. */
export async function measureGate(): Promise<void> {
  const ldap = connectors.find(({ name }) => name === 'ldap')!;
  const plan = planStream({
    connector: ldap,
    stream: 'users',
    directory: 'people',
    features: new Set(['people-directory']),
  });
  const texts = Array.from({ length: RECORDS }, (_, n) => {
    const { uid: _uid, homePhone: _h, description: _d, ...asked } = entry(n);
    return JSON.stringify({
      entryUUID: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
      objectClass: ['inetOrgPerson'],
      ...asked,
    });
  });
  const records = texts.map((text) => JSON.parse(text));
  const rules = someRules();
  const time = (work: () => void) => {
    work();
    const times = [0, 1, 2].map(() => {
      const from = performance.now();
      work();
      return performance.now() - from;
    });
    return Math.min(...times);
  };
  const parse = time(() => {
    for (const text of texts) JSON.parse(text);
  });
  let kept = 0;
  const gated = time(() => {
    kept = 0;
    for (const record of records) if (gate(plan, rules, record).kept) kept++;
  });
  if (kept !== RECORDS / 20) throw new Error(`The gate kept ${kept}.`);
  console.log(
    `\ngate alone: ${RECORDS.toLocaleString('en')} records in ${gated.toFixed(0)} ms, JSON.parse of the same ${parse.toFixed(0)} ms: ${(gated / parse).toFixed(2)} ×`,
  );
}

/** One address in twenty is a user's; digests are keyed, as in earnest. */
function someRules(): Rules {
  const keys = new Map<string, Hmac>();
  const digest = (kind: string, value: string) => {
    let key = keys.get(kind);
    if (!key) {
      key = new Hmac(randomBytes(64).map((byte) => byte & 0x7f));
      keys.set(kind, key);
    }
    return key.digest(value);
  };
  const users = new Map<string, string[]>();
  for (let n = 0; n < RECORDS; n += 20) users.set(digest('email', String(entry(n).mail)), [`user ${n}`]);
  return {
    digest,
    bound: () => undefined,
    hasBinding: () => false,
    matching: (kind, value) => (kind === 'email' ? (users.get(value) ?? []) : []),
  };
}
