/**
 * A directory that outlives every kill: the test's process serves it page by page over loopback HTTP and counts what
 * was fetched, while the hubs that read it die. Two connectors read the same pages: one whose page state outlives
 * its process, and one that starts at the first page after a kill, as LDAP's must.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Connector,
  complete,
  connector,
  type Item,
  page,
  records,
  type SourceRecord,
  text,
} from '../../../src/contract/index.ts';
import { type WebSource, webSource } from '../web-source.ts';

export type SourceKind = 'resumable' | 'restarting';
export const sourceKinds: readonly SourceKind[] = ['resumable', 'restarting'];

interface Answer {
  readonly people: readonly SourceRecord[];
  readonly total: number;
  readonly last: boolean;
}

const pagedConnector = (kind: SourceKind): Connector =>
  connector({
    name: kind,
    summary: `People of a test, page by page, ${kind} after a kill.`,
    version: 1,
    network: 'Loopback.',
    permission: 'None.',
    settings: {
      url: text('Where the pages are served.'),
      directory: text('Name of the directory.', { default: 'paged' }),
    },
    streams: {
      users: {
        key: 'id',
        match: { 'directory-id': 'id', email: 'mail' },
        decide: { disabled: 'Tells leavers.' },
        keep: {
          given_name: 'given',
          family_name: 'family',
          email: 'mail',
          job_title: 'title',
          department: 'department',
        },
        inScope: ({ disabled }) => disabled !== 'yes',
        resumable: kind === 'resumable',
        incremental: false,
        async *read({ settings, net, state }): AsyncIterable<Item> {
          for (let number = typeof state?.next === 'number' ? state.next : 0; ; number++) {
            const { body } = await net.http({ url: `${settings.url}/${number}` });
            const answer = JSON.parse(body.toString('utf8')) as Answer;
            yield records(answer.people);
            if (answer.last) break;
            yield page({ next: number + 1 }, answer.total);
          }
          yield complete();
        },
      },
    },
    check: async () => ({ findings: [{ step: 'connection', outcome: 'ok', sentence: 'On loopback.' }] }),
  });

export const pagedConnectors: ReadonlyMap<string, Connector> = new Map(
  sourceKinds.map((kind) => [kind, pagedConnector(kind)]),
);

export class PagedSource {
  /** In order; replaced between passes. */
  people: readonly SourceRecord[] = [];
  readonly pageSize: number;
  /** Makes a pass long enough to be hit at random. */
  delay_ms = 0;
  /** Called before a page is answered; what it awaits holds the reading there. */
  onFetch: ((page: number) => void | Promise<void>) | undefined;
  /** Numbers of the pages handed out, in order. */
  readonly fetched: number[] = [];
  readonly #server: WebSource;

  private constructor(server: WebSource, pageSize: number) {
    this.#server = server;
    this.pageSize = pageSize;
  }

  static async open(pageSize: number): Promise<PagedSource> {
    let source: PagedSource | undefined;
    const server = await webSource(
      (request, response) => {
        void source!.#answer(Number(request.url?.slice(1))).then(
          (answer) => response.setHeader('content-type', 'application/json').end(JSON.stringify(answer)),
          () => response.destroy(),
        );
      },
      { tls: undefined },
    );
    source = new PagedSource(server, pageSize);
    return source;
  }

  get url(): string {
    return this.#server.origin;
  }

  get pages(): number {
    return Math.max(1, Math.ceil(this.people.length / this.pageSize));
  }

  close(): Promise<void> {
    return this.#server.stop();
  }

  async #answer(number: number): Promise<Answer> {
    this.fetched.push(number);
    await this.onFetch?.(number);
    if (this.delay_ms > 0) await sleep(this.delay_ms);
    return {
      people: this.people.slice(number * this.pageSize, (number + 1) * this.pageSize),
      total: this.people.length,
      last: number + 1 >= this.pages,
    };
  }
}
