import { readFileSync } from 'node:fs';

const pem = (file: string) => readFileSync(new URL(`certificates/${file}`, import.meta.url), 'utf8');
const server = (name: string) => ({ key: pem(`${name}.key`), cert: pem(`${name}.crt`) });

/** Server certificates for loopback (localhost, 127.0.0.1, ::1, source.example) and the authority that issued them. */
export const certificates = {
  authority: pem('authority.crt'),
  /** An authority that issued none of these. */
  stranger: pem('stranger.crt'),
  valid: server('valid'),
  expired: server('expired'),
  wrongName: server('wrong-name'),
};
