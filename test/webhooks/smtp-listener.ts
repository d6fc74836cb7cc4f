import { type AddressInfo, createServer as createPlain, type Socket } from 'node:net';
import { createServer as createTls } from 'node:tls';
import { certificates } from '../support/certificates.ts';

export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  /** As it came over the wire, dots unstuffed, lines ending in CRLF. */
  readonly data: string;
}

export interface SmtpListener extends AsyncDisposable {
  readonly port: number;
  readonly mails: ReceivedMail[];
  /** Every command line that arrived, AUTH with its credentials. */
  readonly commands: string[];
  stop(): Promise<void>;
}

export interface SmtpListenerOptions {
  readonly tls?: boolean;
  /** Announce and take AUTH PLAIN with `user` and `password`. */
  readonly auth?: { readonly user: string; readonly password: string };
  /** Answers instead of the usual one, by verb (`RCPT`, `DATA`, `GREETING`, `END` for the end of the data); `null`: silence. */
  readonly answers?: Readonly<Record<string, string | null>>;
}

/** A mail server on loopback, as much of RFC 5321 as a client needs to hand over a mail. */
export async function smtpListener({
  tls = false,
  auth,
  answers = {},
}: SmtpListenerOptions = {}): Promise<SmtpListener> {
  const mails: ReceivedMail[] = [];
  const commands: string[] = [];
  const sockets = new Set<Socket>();

  const serve = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.setEncoding('utf8');
    let from = '';
    let to: string[] = [];
    let data: string[] | undefined;
    let buffer = '';
    const answer = (verb: string, usual: string) => {
      const line = verb in answers ? answers[verb] : usual;
      if (line !== null) socket.write(`${line}\r\n`);
      return line === usual;
    };
    const command = (line: string) => {
      commands.push(line);
      const verb = line.split(' ')[0]!.toUpperCase();
      if (verb === 'EHLO') answer('EHLO', auth ? '250-loopback\r\n250 AUTH PLAIN' : '250 loopback');
      else if (verb === 'AUTH') {
        const given = Buffer.from(line.split(' ')[2] ?? '', 'base64').toString();
        const right = given === `\0${auth?.user}\0${auth?.password}`;
        answer('AUTH', right ? '235 welcome' : '535 no');
      } else if (verb === 'MAIL') {
        from = /<(.*?)>/.exec(line)?.[1] ?? '';
        to = [];
        answer('MAIL', '250 ok');
      } else if (verb === 'RCPT') {
        if (answer('RCPT', '250 ok')) to.push(/<(.*?)>/.exec(line)?.[1] ?? '');
      } else if (verb === 'DATA') {
        if (answer('DATA', '354 go on')) data = [];
      } else if (verb === 'QUIT') socket.end('221 bye\r\n');
      else answer(verb, '502 unknown');
    };
    const take = (line: string) => {
      if (data === undefined) return command(line);
      if (line !== '.') return void data.push(line.startsWith('.') ? line.slice(1) : line);
      const mail = { from, to, data: data.join('\r\n') };
      data = undefined;
      if (answer('END', '250 taken')) mails.push(mail);
    };
    socket.on('data', (chunk: string) => {
      const lines = (buffer + chunk).split('\r\n');
      buffer = lines.pop() ?? '';
      for (const line of lines) take(line);
    });
    answer('GREETING', '220 loopback ESMTP');
  };

  const server = tls ? createTls(certificates.valid, serve) : createPlain(serve);
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return {
    port: (server.address() as AddressInfo).port,
    mails,
    commands,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** A mail taken apart: unfolded headers by lower-case name, and its text with quoted-printable undone. */
export function readMail(data: string): { headers: Record<string, string>; text: string } {
  const border = data.indexOf('\r\n\r\n');
  const headers: Record<string, string> = {};
  for (const line of data
    .slice(0, border)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n')) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const body = data.slice(border + 4);
  if (headers['content-transfer-encoding'] !== 'quoted-printable')
    return { headers, text: body.replaceAll('\r\n', '\n') };
  const bytes = body
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return { headers, text: Buffer.from(bytes, 'latin1').toString('utf8').replaceAll('\r\n', '\n') };
}
