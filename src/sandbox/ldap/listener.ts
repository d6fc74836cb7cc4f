import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, createServer as createTlsServer, type SecureContext, TLSSocket } from 'node:tls';
import { elementLength, Malformed } from './ber.ts';
import { code, decodeRequest, encodeResult, noticeOfDisconnection, oid, type Request } from './message.ts';
import { type Backend, Session } from './session.ts';

/** A request larger than this is not a search for a few people: the client is cut off (OpenLDAP: sockbuf_max_incoming). */
const largestRequest_bytes = 4 * 1024 * 1024;
const mostConnections = 200;
const idle_ms = 10 * 60_000;

export interface ListenerTls {
  /** PEM. */
  readonly key: string | Buffer;
  readonly cert: string | Buffer;
  /** TLS from the first byte, or upgraded in place when the client asks (RFC 4511 4.14). Default: `ldaps`. */
  readonly mode?: 'ldaps' | 'starttls';
}

export interface Listener {
  readonly port: number;
  /** Hangs up on every client and frees the port; may be called twice. */
  stop(): Promise<void>;
}

/** Serves a backend on loopback. Throws the error of `listen` if the port is taken. */
export async function listen(backend: Backend, port: number, tls: ListenerTls | undefined): Promise<Listener> {
  const open = new Set<Socket>();
  const upgrade = tls?.mode === 'starttls' ? createSecureContext({ key: tls.key, cert: tls.cert }) : undefined;
  const welcome = (socket: Socket) => converse(socket, new Session(backend), upgrade);
  const server: Server =
    tls && !upgrade ? createTlsServer({ key: tls.key, cert: tls.cert }, welcome) : createServer(welcome);
  server.maxConnections = mostConnections;
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address() as AddressInfo;
  const closed = new Promise<void>((resolve) => server.once('close', () => resolve()));
  return {
    port: address.port,
    stop: async () => {
      if (server.listening) server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

function converse(socket: Socket, session: Session, upgrade: SecureContext | undefined): void {
  let pending: Buffer = Buffer.alloc(0);
  socket.setNoDelay(true);
  socket.setTimeout(idle_ms, () => socket.destroy());
  // A client that resets its connection is its own business; without a listener it would end the process.
  socket.on('error', () => socket.destroy());
  const onData = (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    try {
      for (;;) {
        const length = elementLength(pending);
        if ((pending[0] ?? 0x30) !== 0x30 || (length ?? 0) > largestRequest_bytes) throw new Malformed('not LDAP');
        if (length === undefined || pending.length < length) return;
        const request = decodeRequest(pending.subarray(0, length));
        pending = pending.subarray(length);
        if (request.kind === 'unbind') {
          socket.end();
          return;
        }
        if (startsTls(request) && upgrade && !(socket instanceof TLSSocket)) {
          // Whatever was sent behind the request, in clear, must not be taken for part of the secured talk.
          if (pending.length > 0) throw new Malformed('something follows StartTLS');
          socket.off('data', onData);
          socket.write(encodeResult(request.id, 0x78, { code: code.success }, {}));
          converse(new TLSSocket(socket, { isServer: true, secureContext: upgrade }), session, undefined);
          return;
        }
        socket.write(Buffer.concat(session.answer(request)));
      }
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      socket.off('data', onData);
      socket.end(noticeOfDisconnection);
    }
  };
  socket.on('data', onData);
}

function startsTls(request: Request): boolean {
  return request.kind === 'extended' && request.name === oid.startTls;
}
