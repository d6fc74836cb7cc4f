const ofPeople: Readonly<Record<string, string>> = {
  hire: 'was hired',
  leave: 'left, and the account was disabled',
  promotion: 'was promoted',
  rename: 'has a new name and address',
  move: 'moved to another department',
  phone: 'got another phone number',
};

const ofMeetings: Readonly<Record<string, string>> = {
  booking: 'a meeting was booked',
  rescheduling: 'a meeting was moved',
  cancellation: 'a meeting was called off',
  series: 'a series of meetings was changed',
};

/** What happened in the sandbox, for whoever watches: of a person no more than whether they are a user. */
export function changeSentence({ kind, ofUser }: { kind: string; ofUser: boolean }): string {
  if (kind === 'capacity') return 'A room got another number of seats.';
  const what = ofPeople[kind];
  if (what) return `In the directory somebody ${what} (${ofUser ? 'a user' : 'not a user'}).`;
  return `In a calendar ${ofMeetings[kind] ?? 'something changed'} (${ofUser ? 'by a user' : 'not by a user'}).`;
}
