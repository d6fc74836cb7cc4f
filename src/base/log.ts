/**
 * What may be logged: typed events, each field an id, a number, a name that tenant IT or the code chose, or a
 * sentence that was made for showing. There is no event that could carry a record.
 */
export type LogEvent =
  | { readonly event: 'hub-started'; readonly address: string; readonly role: string; readonly version: string }
  | { readonly event: 'hub-stopping' }
  | { readonly event: 'hub-lost-database-lock' }
  | {
      readonly event: 'run-started';
      readonly tenant: string;
      readonly connection: string;
      readonly run: string;
      readonly resumed: boolean;
    }
  | {
      readonly event: 'run-ended';
      readonly tenant: string;
      readonly connection: string;
      readonly run: string;
      readonly status: string;
      readonly duration_ms: number;
      readonly sentence: string | null;
    }
  | { readonly event: 'run-yielded'; readonly tenant: string; readonly connection: string; readonly run: string }
  | {
      readonly event: 'connection-health';
      readonly tenant: string;
      readonly connection: string;
      readonly was: string;
      readonly now: string;
    }
  | {
      readonly event: 'credential-expires';
      readonly tenant: string;
      readonly connection: string;
      /** As the connector's code names it. */
      readonly setting: string;
      /** The threshold that was passed; 0: it has ended. */
      readonly days_left: number;
    }
  | { readonly event: 'lookup-failed'; readonly tenant: string; readonly connection: string; readonly sentence: string }
  | {
      readonly event: 'push';
      readonly tenant: string;
      readonly connection: string;
      /** Notifications of subscriptions that are ours, with the right secret; and all others. */
      readonly believed: number;
      readonly ignored: number;
    }
  | {
      readonly event: 'subscriptions';
      readonly tenant: string;
      readonly connection: string;
      readonly made: number;
      readonly renewed: number;
      readonly ended: number;
      /** Why it is not as it should be; schedules carry on. */
      readonly sentence: string | null;
    }
  | { readonly event: 'job-failed'; readonly queue: string; readonly fault: string }
  | { readonly event: 'tick-failed'; readonly fault: string }
  | {
      readonly event: 'notice';
      readonly tenant: string;
      readonly connection: string;
      readonly kind: string;
      readonly outcome: string;
    }
  | {
      readonly event: 'api-request';
      readonly request: string;
      readonly method: string;
      /** As declared (`/v1/users/{id}`), or `none` if no route fits: a path can hold an address. */
      readonly route: string;
      readonly status: number;
      readonly duration_ms: number;
      readonly tenant: string | null;
      readonly key: string | null;
      /** The problem it was answered with, by name. */
      readonly problem: string | null;
      /** The caller hung up before the answer was out. */
      readonly aborted: boolean;
    }
  | {
      readonly event: 'api-fault';
      readonly request: string;
      readonly method: string;
      readonly route: string;
      /** Kind and place of the error, without its message. */
      readonly fault: string;
    };

export type Level = 'debug' | 'info' | 'warn' | 'error';

export interface Log {
  event(level: Level, event: LogEvent): void;
}

export const silentLog: Log = { event: () => {} };
