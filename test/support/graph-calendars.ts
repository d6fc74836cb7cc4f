/** What a Microsoft 365 says of itself, asked over HTTPS and not through the connector: the truth that a hub is held to. */
import { request } from 'node:https';

export interface GraphAccess {
  /** `https://127.0.0.1:PORT` */
  readonly url: string;
  readonly ca: string;
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

export interface ToldEvent {
  readonly id: string;
  readonly subject: string;
  readonly start: { readonly dateTime: string };
  readonly end: { readonly dateTime: string };
  readonly isAllDay: boolean;
  readonly isCancelled: boolean;
  readonly showAs: string;
  readonly sensitivity: string;
  readonly type: string;
  readonly responseStatus: { readonly response: string };
  readonly organizer: { readonly emailAddress: Person };
  readonly attendees: readonly { readonly emailAddress: Person }[];
}

export interface Person {
  readonly name: string;
  readonly address: string;
}

export class GraphCalendars {
  readonly #access: GraphAccess;
  readonly #token: string;

  private constructor(access: GraphAccess, token: string) {
    this.#access = access;
    this.#token = token;
  }

  static async signIn(access: GraphAccess): Promise<GraphCalendars> {
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: access.clientId,
      client_secret: access.clientSecret,
      scope: `${access.url}/.default`,
    });
    const { access_token } = await exchange<{ access_token: string }>(
      access,
      `${access.url}/${access.tenantId}/oauth2/v2.0/token`,
      { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: form.toString() },
    );
    return new GraphCalendars(access, access_token);
  }

  get<T>(path: string, prefer = ''): Promise<T> {
    const headers = { authorization: `Bearer ${this.#token}`, ...(prefer ? { prefer } : {}) };
    return exchange<T>(this.#access, `${this.#access.url}/v1.0${path}`, { headers });
  }

  /** Series expanded, times in UTC; those of all-day events are midnights of no zone. */
  async events(mailbox: string, from: Date, to: Date): Promise<ToldEvent[]> {
    const window = `startDateTime=${from.toISOString()}&endDateTime=${to.toISOString()}&$top=1000`;
    const path = `/users/${encodeURIComponent(mailbox)}/calendarView?${window}`;
    return (await this.get<{ value: ToldEvent[] }>(path, 'outlook.timezone="UTC"')).value;
  }
}

interface Sending {
  readonly method?: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
}

function exchange<T>({ ca }: GraphAccess, url: string, { method = 'GET', headers, body = '' }: Sending): Promise<T> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { method, ca, agent: false, timeout: 10_000, headers: { ...headers, 'content-length': Buffer.byteLength(body) } },
      async (response) => {
        try {
          const parts = await response.toArray();
          const text = Buffer.concat(parts).toString();
          if (response.statusCode === 200) resolve(JSON.parse(text) as T);
          else reject(new Error(`${response.statusCode} ${text}`));
        } catch (error) {
          reject(error as Error);
        }
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

type Taken = 'free' | 'tentative' | 'busy';
const TICK_MS = 15 * 60_000;

/** Whether a room is taken, a quarter of an hour after the other from `from` on: a picture that needs no merging. */
export class Timeline {
  readonly ticks: Taken[];
  readonly #from: number;

  constructor(from: Date, to: Date) {
    this.#from = from.getTime();
    this.ticks = Array.from({ length: (to.getTime() - from.getTime()) / TICK_MS }, () => 'free');
  }

  take(from: number, to: number, how: 'tentative' | 'busy'): void {
    const first = Math.max(0, (from - this.#from) / TICK_MS);
    for (let tick = first; tick < Math.min(this.ticks.length, (to - this.#from) / TICK_MS); tick++)
      if (this.ticks[tick] !== 'busy') this.ticks[tick] = how;
  }

  /** As a room has it: what was called off, declined or shows as free does not count. */
  takeEvents(events: readonly ToldEvent[], zone: string): void {
    for (const { isCancelled, responseStatus, showAs, start, end, isAllDay } of events) {
      if (isCancelled || responseStatus.response === 'declined' || showAs === 'free') continue;
      const at = ({ dateTime }: { dateTime: string }) =>
        isAllDay ? midnight(dateTime.slice(0, 10), zone) : Date.parse(`${dateTime.slice(0, 19)}Z`);
      this.take(at(start), at(end), showAs === 'tentative' ? 'tentative' : 'busy');
    }
  }
}

/** When a day begins there; clocks are set later in the night. */
function midnight(date: string, timeZone: string): number {
  const before = Date.parse(`${date}T00:00:00Z`) - 3 * 3_600_000;
  const shown = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' }).format(before);
  const [, sign, hours, minutes] = /GMT([+-])(\d\d):(\d\d)/.exec(shown) ?? [];
  const offset = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000 * (sign === '-' ? -1 : 1);
  return Date.parse(`${date}T00:00:00Z`) - offset;
}
