import { ground } from './0001-ground.ts';
import { rooms } from './0002-rooms.ts';
import { userEvents } from './0003-user-events.ts';
import { notifications } from './0004-notifications.ts';
import { connections } from './0005-connections.ts';
import { leftAlone } from './0006-left-alone.ts';
import { quiet } from './0007-quiet.ts';
import { newcomers } from './0008-newcomers.ts';

/** A forward step. Its first line says whether it locks or breaks; every column says what it is for. */
export interface Migration {
  readonly name: string;
  readonly sql: string;
}

/** In order; an applied one is never edited or renamed, only followed by another: knex keeps the names. */
export const migrations: readonly Migration[] = [
  ground,
  rooms,
  userEvents,
  notifications,
  connections,
  leftAlone,
  quiet,
  newcomers,
];
