/** Business time (retention, due dates, schedules) comes from one injected clock; leases use the database's. */
export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };
