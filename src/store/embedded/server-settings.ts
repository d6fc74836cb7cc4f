/**
 * How the embedded server runs. Given on its command line at every start, so that a new release's settings reach
 * clusters of older ones.
 */
export const SERVER_SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '128MB',
  // An acknowledged page is never asked for again, so a commit must be on disk; and it is said, not left to a default.
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  // What was erased would live on in a segment kept for re-use.
  wal_recycle: 'off',
  // A transaction left open holds back every vacuum, and with it the removal of what was erased.
  idle_in_transaction_session_timeout: '60s',
  password_encryption: 'scram-sha-256',
  timezone: 'UTC',
  log_timezone: 'UTC',
  lc_messages: 'C',
  // Messages of level ERROR quote values even when terse (`invalid input syntax for type integer: "…"`), so none is
  // written; LOG, FATAL and PANIC speak of the server itself.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_statement: 'none',
  log_duration: 'off',
  log_min_duration_statement: '-1',
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
  log_autovacuum_min_duration: '-1',
  log_checkpoints: 'off',
  log_destination: 'stderr',
  logging_collector: 'off',
};

/** Who may connect: with a password, over loopback. */
export const HBA = 'host all all 127.0.0.1/32 scram-sha-256\n';

/** `-c name=value` for each. */
export function asArguments(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
