const DAY_MS = 86_400_000;

/**
 * Lines that work when they are pasted into a shell: key and address are set first. The calendars of offices are empty at the
 * weekend, so on such a day they ask about Monday.
 *
 * @param now decides the day that is asked about, from 06:00 to 18:00 UTC
 * @param optedIn a user who has opted in to hybrid-meetings
 */
export function callsToTry(url: string, key: string, now: Date, optedIn: string | undefined): string[] {
  const day = workday(now);
  const [from, to] = [`${day}T06:00:00Z`, `${day}T18:00:00Z`];
  const curl = 'curl -s -H "Authorization: Bearer $KEY"';
  const get = (path: string) => `${curl} "$V1/${path}"`;
  const question = { where: { capacity_min: 16 }, from, to };
  return [
    `KEY=${key}`,
    `V1=${url}/v1`,
    get('users?limit=3'),
    get('spaces?limit=3'),
    get(`events?limit=3&from=${from}`),
    `${curl} "$V1/availability" \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d '${JSON.stringify(question)}'`,
    ...(optedIn ? [`${curl} \\`, `  "$V1/events?user=${optedIn}&from=${from}"`] : []),
    get('changes?limit=3&include=entities'),
    get('sources'),
  ];
}

function workday(now: Date): string {
  const weekday = now.getUTCDay();
  const ahead = weekday === 6 ? 2 : weekday === 0 ? 1 : 0;
  return new Date(now.getTime() + ahead * DAY_MS).toISOString().slice(0, 10);
}
