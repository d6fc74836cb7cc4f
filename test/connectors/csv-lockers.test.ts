import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { expect } from 'chai';
import csvLockers from '../../connectors/csv-lockers/index.ts';
import { type Item, streamOf } from '../../src/contract/index.ts';
import type { StreamName } from '../../src/model/model.ts';
import { behavesLikeAConnector, type Sample, type SourceHarness } from '../support/behaves-like-a-connector.ts';
import { certificates } from '../support/certificates.ts';
import { all, failureOf } from '../support/failure.ts';
import { netForTests } from '../support/guarded-net.ts';
import { webSource } from '../support/web-source.ts';

const TOKEN = 'facility-export-token';
const paths: Partial<Record<string, StreamName>> = {
  '/lockers.csv': 'lockers',
  '/assignments.csv': 'locker_assignments',
};

function csvOf(rows: readonly Sample[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const line = (cells: readonly string[]) => `${cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join()}\r\n`;
  return [columns, ...rows.map((row) => columns.map((name) => row[name] ?? ''))].map(line).join('');
}

const source: SourceHarness = {
  undeclared: ['HomeAddress', 'Birthday', 'Notes'],
  privateAuthority: true,
  sample: (stream, n): Sample =>
    stream === 'lockers'
      ? { LockerNo: `A-${100 + n}`, Bank: 'Bank A', Place: `Floor ${n}, east`, Status: 'free', Size: 'Medium' }
      : { LockerNo: `A-${100 + n}`, Email: `person${n}@acme.example`, Until: `2027-01-${10 + n}`, Shared: 'no' },
  async start(contents) {
    let cut: number | undefined;
    let garbled: string | undefined;
    let sent = 0;
    const server = await webSource((request, response) => {
      const stream = paths[request.url ?? ''];
      if (request.headers.authorization !== `Bearer ${TOKEN}`) return void response.writeHead(401).end();
      if (!stream) return void response.writeHead(404).end();
      if (garbled !== undefined) return void response.socket?.end(`${garbled}\r\n${garbled}`);
      const rows = contents[stream] ?? [];
      sent += send(response, csvOf(rows.length > 0 ? rows : [source.sample(stream, 0)]), rows.length > 0, cut);
    });
    return {
      settings: {
        lockers_url: `${server.origin}/lockers.csv`,
        assignments_url: `${server.origin}/assignments.csv`,
        token: TOKEN,
        ca: certificates.authority,
      },
      cutAfter(bytes) {
        cut = bytes;
      },
      bytesSent() {
        const bytes = sent;
        sent = 0;
        return bytes;
      },
      garble(text) {
        garbled = text;
      },
      asked: () => undefined,
      stop: server.stop,
    };
  },
};

/** Sends the file, or its header row alone; with its length even if it then breaks off. */
function send(response: ServerResponse, text: string, hasRows: boolean, cut: number | undefined): number {
  const body = Buffer.from(hasRows ? text : text.slice(0, text.indexOf('\n') + 1));
  response.setHeader('content-type', 'text/csv').setHeader('content-length', body.length);
  if (cut === undefined) response.end(body);
  else {
    response.flushHeaders();
    response.write(body.subarray(0, cut), () => response.socket?.destroySoon());
  }
  return body.length;
}

behavesLikeAConnector(csvLockers, {
  source,
  badSettings: [
    {
      what: 'the path of a file that is not there',
      settings: (good) => ({ ...good, lockers_url: String(good.lockers_url).replace('lockers.csv', 'gone.csv') }),
      says: /^The setting lockers_url: .*\(404\).*path/,
    },
    {
      what: 'the two addresses exchanged',
      settings: (good) => ({ ...good, assignments_url: good.lockers_url }),
      says: /The file at assignments_url has no column Email/,
    },
  ],
});

describe('csv-lockers', () => {
  async function read(stream: 'lockers' | 'locker_assignments', body: string): Promise<Item[]> {
    await using server = await webSource((_request, response) => response.end(body));
    const context = {
      settings: {
        lockers_url: server.origin,
        assignments_url: server.origin,
        token: TOKEN,
        ca: certificates.authority,
      },
      net: netForTests(),
      fields: [],
      scope: undefined,
      now: new Date(),
      partition: '',
      mode: 'full' as const,
      state: null,
      signal: new AbortController().signal,
    };
    return await all(streamOf(csvLockers, stream)!.read(context));
  }
  const sample = (name: string) =>
    readFileSync(new URL(`../../connectors/csv-lockers/sample/${name}`, import.meta.url), 'utf8');

  it('reads its own samples', async () => {
    expect(await read('lockers', sample('lockers.csv'))).to.have.length(5);
    const assignments = await read('locker_assignments', sample('assignments.csv'));
    expect(assignments.at(-1)?.item).to.equal('complete');
    expect(assignments.flatMap((item) => ('records' in item ? item.records : []))[1]).to.deep.include({
      AssignmentNo: '7002',
      LockerNo: 'B-201',
    });
  });

  it('refuses a file without the columns that every row must have, instead of telling it as empty', async () => {
    for (const [stream, body] of [
      ['lockers', 'Number,Bank\n1,A\n'],
      ['locker_assignments', 'LockerNo,Person\n1,M4RKER\n'],
      ['lockers', 'M4RKER one,M4RKER two\n1,2\n3,4\n'],
      ['lockers', 'LockerNo,Bank\n1\n2\n'],
    ] as const) {
      const error = await failureOf(read(stream, body));
      expect(error.message)
        .to.match(/README|quotes around cells/)
        .and.not.to.include('M4RKER');
    }
  });

  it('says how many columns a file has beyond those needed, without naming them', async () => {
    await using server = await webSource((_request, response) =>
      response.end('LockerNo,Email,M4RKER,Photo\n1,a@x,b,c\n'),
    );
    const settings = {
      lockers_url: server.origin,
      assignments_url: server.origin,
      token: TOKEN,
      ca: certificates.authority,
    };
    const context = {
      settings,
      net: netForTests(),
      fields: [],
      scope: undefined,
      now: new Date(),
      signal: new AbortController().signal,
    };
    const { findings } = await csvLockers.check(context);
    expect(findings.map(({ outcome }) => outcome)).to.deep.equal(['too-much', 'too-much']);
    expect(findings[1]?.sentence).to.include('2 columns');
    expect(JSON.stringify(findings)).not.to.include('M4RKER');
  });
});
