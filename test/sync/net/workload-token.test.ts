import { mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { NeedsAttention } from '../../../src/base/errors.ts';
import { everythingAbout, failureOf } from '../../support/failure.ts';
import { netForTests } from '../../support/guarded-net.ts';

const TOKEN = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJNNFJLRVIifQ.c2lnbmF0dXJlLW9mLU00UktFUg';

describe("the token of the hub's machine", () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-M4RKER-'));
    file = join(folder, 'token');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const lent = (path = file, tenant = 'acme') => netForTests({ rules: { tokenFiles: new Map([[tenant, path]]) } });
  const refusal = async (net = lent()) => {
    const error = await failureOf(net.workloadToken());
    expect(error).to.be.instanceOf(NeedsAttention);
    expect(everythingAbout(error)).not.to.match(/M4RKER|eyJ/);
    return error.message;
  };

  it('is what stands in the file now, though it is replaced as Kubernetes replaces it', async () => {
    const net = lent();
    const point = (to: string, text: string) => {
      writeFileSync(join(folder, to), `${text}\n`);
      rmSync(file, { force: true });
      symlinkSync(join(folder, to), file);
    };
    point('first', TOKEN);
    expect(await net.workloadToken()).to.equal(TOKEN);
    point('second', `${TOKEN}2`);
    expect(await net.workloadToken()).to.equal(`${TOKEN}2`);
    unlinkSync(file);
    expect(await refusal(net)).to.match(/SLUICE_WORKLOAD_IDENTITY names for acme cannot be read/);
  });

  it('is lent to the tenants that the operator names, and to no other', async () => {
    writeFileSync(file, TOKEN);
    expect(await refusal(lent(file, 'other'))).to.match(
      /ask for acme= and the file of its token in SLUICE_WORKLOAD_ID/,
    );
    expect(await refusal(netForTests())).to.match(/lets acme use no identity/);
  });

  it('is no device, no folder, nothing large and nothing that is no token', async () => {
    for (const path of ['/dev/zero', folder]) expect(await refusal(lent(path)), path).to.match(/holds no token/);
    for (const text of ['', 'M4RKER', 'a.b', `${TOKEN}\n${TOKEN}`, `${TOKEN}${'x'.repeat(20_000)}`, 'a.b.c d']) {
      writeFileSync(file, text);
      expect(await refusal(), text.slice(0, 20)).to.match(/holds no token/);
    }
  });

  it('is not read for a run that was cancelled', async () => {
    writeFileSync(file, TOKEN);
    const net = netForTests({ rules: { tokenFiles: new Map([['acme', file]]) }, signal: AbortSignal.abort() });
    expect(await net.workloadToken().catch((error: Error) => error.name)).to.equal('AbortError');
  });
});
