import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { Framer, type Message, Reader } from '../../../connectors/ldap/ber.ts';

/** BER by hand, so that a test can also send what no library would. */
export function tlv(tag: number, ...parts: (Buffer | string)[]): Buffer {
  const value = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  if (value.length < 0x80) return Buffer.concat([Buffer.from([tag, value.length]), value]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(value.length);
  return Buffer.concat([Buffer.from([tag, 0x84]), length, value]);
}
export const int = (value: number, tag = 0x02): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return tlv(tag, bytes);
};
const octets = (value: Buffer | string) => tlv(0x04, value);
const message = (id: number, op: Buffer, ...controls: Buffer[]) =>
  tlv(0x30, int(id), op, ...(controls.length > 0 ? [tlv(0xa0, ...controls)] : []));

export type Attributes = Record<string, string | Buffer | readonly (string | Buffer)[]>;

export const entry = (id: number, attributes: Attributes, dn = 'uid=x,dc=x'): Buffer =>
  message(id, tlv(0x64, octets(dn), tlv(0x30, ...Object.entries(attributes).map(attribute))));
const attribute = ([name, values]: [string, Attributes[string]]) =>
  tlv(0x30, octets(name), tlv(0x31, ...(Array.isArray(values) ? values : [values]).map(octets)));

const paged = (cookie: string, estimate = 0) =>
  tlv(0x30, octets('1.2.840.113556.1.4.319'), octets(tlv(0x30, int(estimate), octets(cookie))));
const result = (code: number, text = '') => [int(code, 0x0a), octets(''), octets(text)];

/** @param cookie absent: no paging control in the answer */
export const done = (
  id: number,
  { code = 0, cookie, estimate = 0 }: { code?: number; cookie?: string; estimate?: number } = {},
) =>
  message(
    id,
    tlv(0x65, ...result(code, 'uid=secret-person was here')),
    ...(cookie === undefined ? [] : [paged(cookie, estimate)]),
  );
export const reference = (id: number, url: string): Buffer => message(id, tlv(0x73, octets(url)));
export const bound = (id: number, code = 0, text = ''): Buffer => message(id, tlv(0x61, ...result(code, text)));
export const extended = (id: number, code: number, name?: string): Buffer =>
  message(id, tlv(0x78, ...result(code), ...(name ? [tlv(0x8a, name)] : [])));

export const uuid = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
/** A well-formed person. */
export const someone = (id: number, n: number, more: Attributes = {}): Buffer =>
  entry(id, { objectClass: 'inetOrgPerson', entryUUID: uuid(n), mail: `p${n}@acme.example`, sn: `S${n}`, ...more });

export interface Asked {
  readonly id: number;
  /** 1 for the first search for people; the root DSE is answered by itself. */
  readonly n: number;
  readonly socket: Socket;
  readonly message: Message;
  readonly cookie: string;
}

export interface HostileServer {
  readonly url: string;
  readonly port: number;
  /** Tags of the operations received, in order. */
  readonly received: number[];
  connections: number;
  closed: number;
  stop(): Promise<void>;
}

export interface Behaviour {
  search?: (asked: Asked) => Buffer | Buffer[] | undefined;
  bind?: (id: number, socket: Socket) => Buffer | undefined;
  extended?: (id: number, socket: Socket) => Buffer | undefined;
  connect?: (socket: Socket) => void;
  root?: Attributes;
}

const openLdapRoot = { objectClass: ['top', 'OpenLDAProotDSE'] };

/** An LDAP server that signs anybody in and then does what the test says. */
export async function hostileServer(behaviour: Behaviour): Promise<HostileServer> {
  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    sockets.add(socket);
    server.connections += 1;
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      server.closed += 1;
    });
    behaviour.connect?.(socket);
    const framer = new Framer(1 << 20);
    let searches = 0;
    socket.on('data', (bytes) => {
      for (const received of framer.take(bytes)) {
        server.received.push(received.tag);
        const { id } = received;
        let answer: Buffer | Buffer[] | undefined;
        if (received.tag === 0x60) answer = behaviour.bind ? behaviour.bind(id, socket) : bound(id);
        else if (received.tag === 0x77) answer = behaviour.extended?.(id, socket);
        else if (received.tag === 0x63 && baseOf(received) === '')
          answer = [entry(id, behaviour.root ?? openLdapRoot, ''), done(id)];
        else if (received.tag === 0x63) {
          searches += 1;
          answer = behaviour.search?.({ id, n: searches, socket, message: received, cookie: cookieOf(received) });
        }
        if (answer) socket.write(Array.isArray(answer) ? Buffer.concat(answer) : answer);
      }
    });
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as { port: number };
  const server: HostileServer = {
    url: `ldap://127.0.0.1:${port}`,
    port,
    received: [],
    connections: 0,
    closed: 0,
    async stop() {
      for (const socket of sockets) socket.destroy();
      listener.close();
      await once(listener, 'close');
    },
  };
  return server;
}

const baseOf = (search: Message) => new Reader(search.bytes, search.start, search.stop).expect(0x04).text();

function cookieOf(search: Message): string {
  const rest = new Reader(search.bytes, search.stop, search.end);
  if (!rest.more) return '';
  const control = rest.expect(0xa0).inside().expect(0x30).inside();
  control.next();
  control.next();
  const value = control.expect(0x04).inside().expect(0x30).inside();
  value.next();
  return value.expect(0x04).text();
}
