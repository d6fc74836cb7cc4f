import { randomUUID } from 'node:crypto';
import type { AccessTokens } from './access-token.ts';
import type { Answer } from './answer.ts';
import { type AssertionFault, checkAssertion } from './assertion.ts';
import { checkFederated, issuerOf } from './federation.ts';
import type { Tenant } from './tenant.ts';

const bearerAssertion = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** Services beside Graph that Entra gives tokens for just as readily: Graph refuses those. */
const otherResources = ['https://outlook.office365.com', 'https://outlook.office.com'];

/** Entra's error numbers that a misconfigured connection meets, each with its status, OAuth error and text. */
const failures = {
  70003: [400, 'unsupported_grant_type', 'The app requested an unsupported grant type.'],
  90014: [400, 'invalid_request', "The required field 'scope' is missing from the credential."],
  90002: [400, 'invalid_request', "Tenant '{0}' not found. Check to make sure you have the correct tenant ID."],
  500011: [400, 'invalid_resource', 'The resource principal named {0} was not found in the tenant.'],
  700016: [400, 'unauthorized_client', "Application with identifier '{0}' was not found in the directory."],
  70021: [401, 'invalid_client', 'No matching federated identity record found for presented assertion.'],
  700211: [401, 'invalid_client', 'No matching federated identity record found for presented assertion issuer.'],
  700212: [401, 'invalid_client', 'No matching federated identity record found for presented assertion audience.'],
  700213: [401, 'invalid_client', 'No matching federated identity record found for presented assertion subject.'],
  7000272: [401, 'invalid_client', 'The key used to sign the federated credential could not be found in the metadata.'],
  700023: [401, 'invalid_client', 'Client assertion audience claim does not match Realm issuer.'],
  700024: [401, 'invalid_client', 'Client assertion is not within its valid time range.'],
  700027: [
    401,
    'invalid_client',
    'The certificate with identifier used to sign the client assertion is not registered.',
  ],
  700021: [401, 'invalid_client', 'Client assertion application identifier doesn’t match ‘client_id’ parameter.'],
  1002012: [400, 'invalid_scope', 'The provided value for scope {0} is not valid: use the suffix /.default.'],
  7000215: [401, 'invalid_client', 'Invalid client secret provided. Ensure the secret being sent is the secret value.'],
  7000218: [401, 'invalid_client', "The request body must contain: 'client_assertion' or 'client_secret'."],
} as const satisfies Record<number, readonly [number, string, string]>;

const ofAssertion: Readonly<Record<AssertionFault, keyof typeof failures>> = {
  malformed: 700027,
  'unknown-key': 700027,
  'bad-signature': 700027,
  'wrong-audience': 700023,
  'wrong-subject': 700021,
  expired: 700024,
};

/** The Entra endpoints: token, OpenID metadata and what @azure/identity asks first. `undefined`: not one of them. */
export function answerAuthority(
  tenant: Tenant,
  tokens: AccessTokens,
  method: string,
  url: string,
  body: string,
): Answer | undefined {
  const [path = ''] = url.split('?', 1);
  if (method === 'GET' && path === '/common/discovery/instance') return discovery(tenant);
  const [, named = '', endpoint] =
    /^\/([^/]+)\/(oauth2\/v2\.0\/token|v2\.0\/\.well-known\/openid-configuration)$/.exec(path) ?? [];
  if (!endpoint) return undefined;
  if (named.toLowerCase() !== tenant.id.toLowerCase()) return failure(tenant, 90002, named);
  if (!endpoint.endsWith('token')) return method === 'GET' ? metadata(tenant) : { status: 405 };
  return method === 'POST' ? giveToken(tenant, tokens, new URLSearchParams(body)) : { status: 405 };
}

function giveToken(tenant: Tenant, tokens: AccessTokens, form: URLSearchParams): Answer {
  const clientId = form.get('client_id') ?? '';
  const scope = form.get('scope') ?? '';
  if (form.get('grant_type') !== 'client_credentials') return failure(tenant, 70003);
  if (clientId.toLowerCase() !== tenant.clientId.toLowerCase()) return failure(tenant, 700016, clientId);
  if (!scope) return failure(tenant, 90014);
  const fault = unproven(tenant, form, clientId);
  if (fault) return failure(tenant, fault);
  // Of its own scopes msal adds these three; a client that acts for itself names one resource.
  const resource = scope.split(' ').find((one) => !['openid', 'profile', 'offline_access'].includes(one)) ?? '';
  if (!resource.endsWith('/.default')) return failure(tenant, 1002012, resource);
  const audience = resource.slice(0, -'/.default'.length);
  if (audience !== tenant.origin && !otherResources.includes(audience)) return failure(tenant, 500011, audience);
  const { token, life_s } = tokens.give(tenant.clientId, tenant.roles, audience);
  return {
    status: 200,
    headers: { 'cache-control': 'no-store, no-cache', pragma: 'no-cache' },
    body: { token_type: 'Bearer', expires_in: life_s, ext_expires_in: life_s, access_token: token },
  };
}

function unproven(tenant: Tenant, form: URLSearchParams, clientId: string): keyof typeof failures | undefined {
  const secret = form.get('client_secret');
  const assertion = form.get('client_assertion');
  if (assertion !== null && form.get('client_assertion_type') === bearerAssertion) {
    const now_ms = tenant.clock.now().getTime();
    if (issuerOf(assertion) !== undefined && issuerOf(assertion) !== clientId)
      return checkFederated(assertion, tenant.federated, now_ms);
    const fault = checkAssertion(assertion, tenant.certificates, {
      clientId,
      audience: `${tenant.origin}/${tenant.id}/oauth2/v2.0/token`,
      now_ms,
    });
    return fault && ofAssertion[fault];
  }
  if (secret === null) return 7000218;
  return secret === tenant.clientSecret ? undefined : 7000215;
}

function failure(tenant: Tenant, number: keyof typeof failures, what = ''): Answer {
  const [status, error, text] = failures[number];
  const now = tenant.clock.now().toISOString();
  const timestamp = `${now.slice(0, 10)} ${now.slice(11, 19)}Z`;
  const trace = randomUUID();
  const correlation = randomUUID();
  return {
    status,
    body: {
      error,
      error_description: `AADSTS${number}: ${text.replace('{0}', what)} Trace ID: ${trace} Correlation ID: ${correlation} Timestamp: ${timestamp}`,
      error_codes: [number],
      timestamp,
      trace_id: trace,
      correlation_id: correlation,
      error_uri: `${tenant.origin}/error?code=${number}`,
    },
  };
}

function metadata(tenant: Tenant): Answer {
  const at = `${tenant.origin}/${tenant.id}`;
  return {
    status: 200,
    body: {
      issuer: `${at}/v2.0`,
      authorization_endpoint: `${at}/oauth2/v2.0/authorize`,
      token_endpoint: `${at}/oauth2/v2.0/token`,
      jwks_uri: `${at}/discovery/v2.0/keys`,
      token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'client_secret_basic'],
      response_types_supported: ['code', 'id_token'],
      subject_types_supported: ['pairwise'],
      id_token_signing_alg_values_supported: ['RS256'],
      tenant_region_scope: 'EU',
      cloud_instance_name: 'sandbox',
      msgraph_host: new URL(tenant.origin).host,
    },
  };
}

function discovery(tenant: Tenant): Answer {
  const { host } = new URL(tenant.origin);
  return {
    status: 200,
    body: {
      tenant_discovery_endpoint: `${tenant.origin}/${tenant.id}/v2.0/.well-known/openid-configuration`,
      'api-version': '1.1',
      metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
    },
  };
}
