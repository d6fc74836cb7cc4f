import type { Connector } from '../src/contract/index.ts';
import csvLockers from './csv-lockers/index.ts';
import ldap from './ldap/index.ts';
import microsoftGraph from './microsoft-graph/index.ts';

/** Every connector of this hub, in the order in which they are shown. */
export const connectors: readonly Connector[] = [ldap, microsoftGraph, csvLockers];
