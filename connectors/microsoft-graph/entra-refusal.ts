import { NeedsAttention, TryLater } from '../../src/contract/index.ts';
import type { Credential } from './settings.ts';

/** What of an answer of Entra's may be looked at: numbers. Its text quotes what was sent. */
export interface EntraRefusal {
  readonly status: number;
  /** AADSTS numbers (learn.microsoft.com/entra/identity-platform/reference-error-codes). */
  readonly codes: readonly number[];
}

export function refusalIn(status: number, body: string): EntraRefusal {
  try {
    const { error_codes } = JSON.parse(body) as { error_codes?: unknown };
    return { status, codes: Array.isArray(error_codes) ? error_codes.filter(Number.isInteger) : [] };
  } catch {
    return { status, codes: [] };
  }
}

const page = 'see "Sign-in" in the README of microsoft-graph';
const sentences: Readonly<Record<number, string>> = {
  90002: `Microsoft Entra knows no tenant with this ID: correct tenant_id, or login_url if your tenant is in a national cloud; ${page}.`,
  900023: `Microsoft Entra knows no tenant with this ID: correct tenant_id; ${page}.`,
  700016: `The tenant knows no application with this ID: correct client_id, or tenant_id if the app registration is elsewhere; ${page}.`,
  7000112: `The application of client_id is disabled in the tenant: enable its enterprise application; ${page}.`,
  7000215: `Microsoft Entra refuses the sign-in: client_secret is wrong. Enter the secret's value, not its ID; ${page}.`,
  7000222: `Microsoft Entra refuses the sign-in: the secret in client_secret has expired. Make a new one, better a certificate; ${page}.`,
  700027: `Microsoft Entra refuses the sign-in: the certificate in certificate is not, or no longer, one of the app registration, or has expired. Upload it there; ${page}.`,
  700024: `Microsoft Entra refuses the sign-in by certificate because its time is not ours: set the clock of the hub's machine; ${page}.`,
  700023: `Microsoft Entra refuses the sign-in by certificate: login_url and tenant_id do not belong together; ${page}.`,
  500011: `The tenant does not know Microsoft Graph at graph_url: graph_url and login_url must belong to the same cloud; ${page}.`,
  53003: `A Conditional Access policy for workload identities blocks the sign-in: exempt the application of client_id; ${page}.`,
};

const federated = 'Microsoft Entra refuses the sign-in by workload_identity:';
const record = 'the federated credential of the app registration';
/** What a sign-in with the machine's token can meet beside those, or otherwise than those. */
const ofWorkload: Readonly<Record<number, string>> = {
  70021: `${federated} no federated credential of the app registration fits issuer, subject and audience of the machine's token. Add it, or wait some minutes if it is new; ${page}.`,
  700211: `${federated} ${record} names another issuer than the machine's token. Correct it; ${page}.`,
  700212: `${federated} the machine's token is not made for the audience api://AzureADTokenExchange, or ${record} names another. Ask the operator; ${page}.`,
  700213: `${federated} ${record} names another subject than the machine's token, in which capitals count. Correct it; ${page}.`,
  700222: `${federated} a token that Microsoft Entra gave out itself is not taken. Ask the operator for one of the machine's own issuer; ${page}.`,
  7000272: `${federated} the issuer of the machine's token does not publish the key that signed it. Ask the operator; ${page}.`,
  700024: `${federated} the machine's token has expired, or its clock is wrong. Ask the operator to see that the file in SLUICE_WORKLOAD_IDENTITY is renewed; ${page}.`,
};

/** Entra tells the three mismatches more closely by a further digit (7002138: capitals). */
const known = (code: number): number => (/^70021[123]\d$/.test(String(code)) ? Math.floor(code / 10) : code);

/** The sentence for a sign-in that was refused, by the number that Entra gave; never by its text. */
export function sentenceFor(refusal: EntraRefusal | undefined, by: Credential['by']): NeedsAttention | TryLater {
  if (!refusal)
    return new NeedsAttention(
      `Whatever answers at login_url does not speak as Microsoft Entra does: correct login_url; ${page}.`,
    );
  const told = by === 'workload_identity' ? { ...sentences, ...ofWorkload } : sentences;
  const code = refusal.codes.find((one) => Object.hasOwn(told, known(one)));
  if (code !== undefined) return new NeedsAttention(`${told[known(code)]!.slice(0, -1)} (AADSTS${code}).`);
  if (refusal.codes.includes(90033) || refusal.codes.includes(50196))
    return new TryLater('Microsoft Entra cannot sign us in at the moment; the next run tries again.');
  const [first] = refusal.codes;
  return new NeedsAttention(
    `Microsoft Entra refuses the sign-in (${first === undefined ? refusal.status : `AADSTS${first}`}): check tenant_id, client_id and ${by}; ${page}.`,
  );
}
