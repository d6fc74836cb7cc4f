import type { ServerResponse } from 'node:http';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { NeedsAttention, TryLater } from '../../../src/base/errors.ts';
import { certificates } from '../../support/certificates.ts';
import { all, everythingAbout, failureOf } from '../../support/failure.ts';
import { netForTests } from '../../support/guarded-net.ts';
import { webSource } from '../../support/web-source.ts';

const ca = certificates.authority;
const serving = (answer: (response: ServerResponse) => void) =>
  webSource((_request, response) => {
    response.setHeader('content-type', 'text/csv');
    answer(response);
  });
const read = async (text: string | Buffer) => {
  await using source = await serving((response) => response.end(text));
  return await all(netForTests().csv(source.origin, { ca }));
};
const plain = (rows: readonly object[]) => rows.map((row) => ({ ...row }));

describe('CSV through the guarded network', () => {
  it('brings rows as the header names them', async () => {
    expect(plain(await read('No,Email\r\n1,a@x\r\n"2","b ""q"", c"\r\n'))).to.deep.equal([
      { No: '1', Email: 'a@x' },
      { No: '2', Email: 'b "q", c' },
    ]);
  });

  it('passes the bearer token', async () => {
    await using source = await serving((response) => response.end('a\n1\n'));
    await all(netForTests().csv(source.origin, { bearer: 'k3y', ca }));
    expect(source.requests[0]?.headers.authorization).to.equal('Bearer k3y');
  });

  it('strips a byte order mark, spaces around names, empty lines and a missing last line break', async () => {
    expect(plain(await read('\uFEFF No , Email\n\n1,ä\n\n2,ß'))).to.deep.equal([
      { No: '1', Email: 'ä' },
      { No: '2', Email: 'ß' },
    ]);
  });

  it('tells the separator from the header row', async () => {
    expect(plain(await read('No;"A, B, C";Email\n1;x;a,b\n'))).to.deep.equal([
      { No: '1', 'A, B, C': 'x', Email: 'a,b' },
    ]);
    expect(plain(await read('No\tEmail\n1\ta;b,c\n'))).to.deep.equal([{ No: '1', Email: 'a;b,c' }]);
  });

  it('reads line breaks within quotes, and characters cut by a chunk', async () => {
    await using source = await serving((response) => {
      const bytes = Buffer.from('No,Place\n1,"zwei\nZeilen ü €"\n2,x\n');
      for (const byte of bytes) response.write(Buffer.from([byte]));
      response.end();
    });
    expect(plain(await all(netForTests().csv(source.origin, { ca })))).to.deep.equal([
      { No: '1', Place: 'zwei\nZeilen ü €' },
      { No: '2', Place: 'x' },
    ]);
  });

  it('hands out a row with a shifted cell empty, and the others whole', async () => {
    expect(plain(await read('No,Email\n1,a\n2,b,c\n3\n4,d\n'))).to.deep.equal([
      { No: '1', Email: 'a' },
      {},
      {},
      { No: '4', Email: 'd' },
    ]);
  });

  it('keeps a column called __proto__ an ordinary column', async () => {
    const [row] = await read('No,__proto__,constructor\n1,polluted,x\n');
    expect(Object.keys(row!)).to.deep.equal(['No', '__proto__', 'constructor']);
    expect(Object.getPrototypeOf(row)).to.equal(null);
    expect(({} as Record<string, unknown>).polluted).to.equal(undefined);
  });

  it('reads a file with a header and no rows', async () => {
    expect(await read('No,Email\n')).to.deep.equal([]);
    expect(await read('No,Email')).to.deep.equal([]);
  });

  it('reads a large file without holding it, however slowly it is consumed', async () => {
    const line = `${'x'.repeat(90)},${'y'.repeat(8)}\n`;
    await using source = await serving((response) => {
      response.write('a,b\n');
      let left = 300;
      const more = () => {
        while (left-- > 0) if (!response.write(line.repeat(1000))) return void response.once('drain', more);
        response.end();
      };
      more();
    });
    const net = netForTests();
    let count = 0;
    for await (const row of net.csv(source.origin, { ca, timeoutMs: 200 })) {
      // Longer than the source may be silent: the time our reader takes is not the source's.
      if (count++ === 10) await new Promise((resolve) => setTimeout(resolve, 400));
      // Taken from the network but not yet handed out: buffers of sockets and parser, never the file.
      expect(net.spent.bytes - count * line.length).to.be.below(2 * 1024 * 1024);
      expect(row.b).to.have.length(8);
    }
    expect(count).to.equal(300_000);
  });

  it('closes the connection when its reader leaves early', async () => {
    let closed: Promise<void> | undefined;
    await using source = await serving((response) => {
      closed = new Promise((resolve) => response.on('close', resolve));
      const timer = setInterval(() => response.write('1,2\n'), 5);
      response.on('close', () => clearInterval(timer));
      response.write('a,b\n');
    });
    for await (const _row of netForTests().csv(source.origin, { ca })) break;
    await closed;
  });

  describe('of a body that ended early', () => {
    const file = `No,Email\n${Array.from({ length: 40 }, (_, at) => `${at},"p${at}@x.example"\n`).join('')}`;
    const cuts = [0, 1, 5, 9, 12, file.indexOf('\n', 200), file.indexOf('\n', 200) + 1, file.length - 1];
    const framings: [string, (response: ServerResponse, whole: Buffer, cut: number) => void][] = [
      [
        'Content-Length',
        (response, whole, cut) => {
          response.setHeader('content-length', whole.length);
          response.flushHeaders();
          response.write(whole.subarray(0, cut), () => response.socket?.destroySoon());
        },
      ],
      [
        'chunks',
        (response, whole, cut) => {
          response.flushHeaders();
          response.write(whole.subarray(0, cut), () => response.socket?.destroySoon());
        },
      ],
      ['gzip in whole chunks', (response, whole, cut) => gzipped(response, gzipSync(whole), cut / whole.length)],
      [
        'brotli in whole chunks',
        (response, whole, cut) => gzipped(response, brotliCompressSync(whole), cut / whole.length, 'br'),
      ],
    ];
    const gzipped = (response: ServerResponse, packed: Buffer, fraction: number, encoding = 'gzip') =>
      response.setHeader('content-encoding', encoding).end(packed.subarray(0, Math.floor(packed.length * fraction)));

    for (const [name, answer] of framings)
      it(`throws TryLater for ${name}, wherever it is cut`, async () => {
        for (const cut of cuts) {
          await using source = await serving((response) => answer(response, Buffer.from(file), cut));
          const error = await failureOf(all(netForTests().csv(source.origin, { ca })));
          expect(error, `cut after ${cut}`).to.be.instanceOf(TryLater);
          expect(everythingAbout(error)).not.to.include('x.example');
        }
      });

    it('throws TryLater for an exporter that stopped within a quote but closed the answer properly', async () => {
      expect(await failureOf(read('No,Email\n1,"a@x.exam'))).to.be.instanceOf(TryLater);
    });

    it('throws TryLater for a file without even a header row', async () => {
      expect(await failureOf(read(''))).to.be.instanceOf(TryLater);
      expect(await failureOf(read('\n\n'))).to.be.instanceOf(TryLater);
    });

    it('refuses an answer whose end cannot be told from a cut', async () => {
      await using source = await serving((response) => {
        response.socket?.end('HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nConnection: close\r\n\r\nNo,Email\n1,a\n');
      });
      expect(await failureOf(all(netForTests().csv(source.origin, { ca })))).to.be.instanceOf(NeedsAttention);
    });

    it('throws TryLater for a body that stalls', async () => {
      await using source = await serving((response) => void response.write('No,Email\n1,a\n'));
      const error = await failureOf(all(netForTests().csv(source.origin, { ca, timeoutMs: 200 })));
      expect(error).to.be.instanceOf(TryLater);
      expect(error.message).to.include('did not answer in time');
    });
  });

  describe('of something else than such a file', () => {
    const refused: [string, string, RegExp][] = [
      ['a quote in the middle of a cell', 'No,Email\n1,a\n2,"b"M4RKER\n3,c\n', /^Line 3 /],
      ['a record longer than 64 KiB', `No,Email\n1,M4RKER${'x'.repeat(70_000)}\n2,b\n`, /longer than 64 KiB/],
      [
        'a quote that swallows the rest of a long file',
        `No,Email\n1,"M4RKER\n${'2,b\n'.repeat(30_000)}`,
        /longer than 64 KiB/,
      ],
      ['a first line without end', 'M4RKER'.repeat(20_000), /^Line 1 /],
      [
        'more than 200 columns',
        `${Array.from({ length: 201 }, (_, at) => `M4RKER${at}`).join()}\n`,
        /more than 200 columns/,
      ],
      ['two columns of one name', 'No,M4RKER,M4RKER\n1,2,3\n', /^Columns 2 and 3 /],
      ['a page that calls itself CSV', '<!DOCTYPE html><title>M4RKER</title>\n', /web page/],
      ['JSON that calls itself CSV', '[error: M4RKER,n: 1]\n', /web page or a document/],
    ];
    for (const [name, text, sentence] of refused)
      it(`refuses ${name} and quotes nothing of it`, async () => {
        const error = await failureOf(read(text));
        expect(error).to.be.instanceOf(NeedsAttention);
        expect(error.message).to.match(sentence);
        expect(everythingAbout(error)).not.to.include('M4RKER');
      });

    it('refuses a web page and a missing file', async () => {
      await using page = await webSource((_request, response) =>
        response.setHeader('content-type', 'text/html; charset=utf-8').end('a,b\n1,2\n'),
      );
      await using missing = await serving((response) => response.writeHead(404).end('a,b\n1,2\n'));
      await using empty = await serving((response) => response.writeHead(204).end());
      for (const { origin } of [page, missing, empty])
        expect(await failureOf(all(netForTests().csv(origin, { ca })))).to.be.instanceOf(NeedsAttention);
    });

    it('refuses a file that unpacks beyond 200 MiB', async () => {
      const rows = gzipSync(`a,b\n${`${'x'.repeat(1000)},y\n`.repeat(220_000)}`, { level: 1 });
      await using source = await serving((response) => response.setHeader('content-encoding', 'gzip').end(rows));
      let count = 0;
      const reading = (async () => {
        for await (const _row of netForTests().csv(source.origin, { ca })) count++;
      })();
      expect((await failureOf(reading)).message).to.include('more than 200 MiB');
      expect(count).to.be.below(210_000);
    });
  });
});
