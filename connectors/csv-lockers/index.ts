/** Lockers and who has which, from two CSV files that a facility system exports every night. */
import { certificates, complete, connector, record, secret, url } from '../../src/contract/index.ts';
import { checkFiles } from './check.ts';
import { rowsOf } from './rows.ts';

export default connector({
  name: 'csv-lockers',
  summary: 'Lockers and locker assignments, from CSV files served over HTTPS.',
  version: 1,
  settings: {
    lockers_url: url('Where the list of lockers is served.', { example: 'https://facility.example/lockers.csv' }),
    assignments_url: url('Where the list of assignments is served.', {
      example: 'https://facility.example/assignments.csv',
    }),
    token: secret('The bearer token that opens both files.'),
    ca: certificates('The certificate of the authority that signed the server’s, if it is a private one (PEM).'),
  },
  network: 'From Sluice to the host of each file: TCP 443 (HTTPS), or the port in its address.',
  permission: 'A token that can read these two files and nothing else.',
  check: checkFiles,
  streams: {
    lockers: {
      key: 'LockerNo',
      keep: { bank: 'Bank', number: 'LockerNo', place: 'Place', status: 'Status', size: 'Size' },
      async *read({ settings, net }) {
        for await (const row of rowsOf('lockers_url', ['LockerNo'], settings, net)) yield record(row);
        yield complete(); // the rows end with an error if the file ended early
      },
    },
    locker_assignments: {
      // A locker that several people share has several rows; a column of its own then tells them apart.
      key: ['AssignmentNo', 'LockerNo'],
      match: { email: 'Email' },
      keep: { locker: 'LockerNo', until: 'Until', shared: 'Shared' },
      async *read({ settings, net }) {
        for await (const row of rowsOf('assignments_url', ['LockerNo', 'Email'], settings, net)) yield record(row);
        yield complete();
      },
    },
  },
});
