/** The sandbox as the demo wants it; loaded by the demo alone. */
export { makeLoopbackCertificate as makeCertificate } from '../sandbox/certificate.ts';
export { employeesWhoLogOn } from '../sandbox/company.ts';
export { sandboxConfiguration } from '../sandbox/configuration.ts';
export { startSandboxDirectory as startDirectory } from '../sandbox/directory.ts';
export { inTurns, keepChanging } from '../sandbox/liven.ts';
export { startSandboxMicrosoft365 as startMicrosoft365 } from '../sandbox/microsoft365/index.ts';
