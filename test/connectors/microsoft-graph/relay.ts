import type { IncomingMessage, ServerResponse } from 'node:http';
import { request } from 'node:https';
import type { SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import { certificates } from '../../support/certificates.ts';
import { webSource } from '../../support/web-source.ts';

/** Stands before the sandbox, under an address of its own, and breaks bodies off or speaks nonsense when told to. */
export async function relay(source: SandboxGraph) {
  let left: number | undefined;
  let garbled: string | undefined;
  let sent = 0;
  const there = new URL(source.graphUrl).host;
  const server = await webSource((asked, answer) => {
    if (garbled !== undefined) return void answer.socket?.end(`${garbled}\r\n${garbled}`);
    pass(asked, answer).catch(() => answer.socket?.destroy());
  });
  const here = new URL(server.origin).host;

  async function pass(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const body = renamed((await bytesOf(asked)).toString(), here, there);
    const { status, headers, text } = await forward(asked, body);
    const bytes = Buffer.from(renamed(text, there, here));
    answer.writeHead(status, { ...headers, 'content-length': bytes.length });
    if (left === undefined || left >= bytes.length) answer.end(bytes);
    else {
      answer.flushHeaders();
      answer.write(bytes.subarray(0, left), () => answer.socket?.destroySoon());
    }
    if (left !== undefined) left = Math.max(0, left - bytes.length);
    sent += bytes.length;
  }

  function forward(asked: IncomingMessage, body: string) {
    const { promise, resolve, reject } = Promise.withResolvers<{
      status: number;
      headers: IncomingMessage['headers'];
      text: string;
    }>();
    const { 'accept-encoding': _, 'content-length': __, host: ___, ...headers } = asked.headers;
    const on = request(
      `${source.graphUrl}${asked.url}`,
      {
        method: asked.method,
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
        ca: certificates.authority,
      },
      (answer) => {
        const { 'content-length': _____, 'transfer-encoding': ______, ...kept } = answer.headers;
        bytesOf(answer).then(
          (all) => resolve({ status: answer.statusCode!, headers: kept, text: all.toString() }),
          reject,
        );
      },
    );
    on.on('error', reject).end(body);
    return promise;
  }

  return {
    origin: server.origin,
    /** All bodies together break off after so many bytes from now on. */
    cutAfter(bytes: number | undefined) {
      left = bytes;
    },
    bytesSent() {
      const bytes = sent;
      sent = 0;
      return bytes;
    },
    garble(text: string | undefined) {
      garbled = text;
    },
    stop: server.stop,
  };
}

const renamed = (text: string, from: string, to: string) =>
  text.replaceAll(from, to).replaceAll(encodeURIComponent(from), encodeURIComponent(to));

async function bytesOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
