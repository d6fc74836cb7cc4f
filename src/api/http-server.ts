import http from 'node:http';
import https from 'node:https';
import type { Express } from 'express';

/** Slow or silent clients are let go: without these a few hundred half-open requests hold every socket. */
const deadlines = {
  headersTimeout: 10_000,
  /** For the whole request to arrive, body included; how long the answer may take is the route's own. */
  requestTimeout: 30_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 16 * 1024,
};

/** A server for the interface, not yet listening; with `tls` (PEM) over TLS 1.2 or later. */
export function createHttpServer(
  app: Express,
  tls?: { cert: string | Buffer; key: string | Buffer },
): http.Server | https.Server {
  const server = tls
    ? https.createServer({ ...deadlines, ...tls, minVersion: 'TLSv1.2' }, app)
    : http.createServer(deadlines, app);
  server.maxHeadersCount = 64;
  server.maxRequestsPerSocket = 0;
  return server;
}
