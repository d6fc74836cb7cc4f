import { derivedUuid } from '../derived.ts';
import type { GraphPlace } from '../graph/index.ts';
import { mailDomain } from '../people.ts';

/** A room with a calendar. Its capacity is what it was built for. */
export interface Room {
  readonly address: string;
  readonly name: string;
  readonly capacity: number;
  readonly place: GraphPlace;
}

const idOf = (what: string) => derivedUuid('place', what);
const place = (type: 'building' | 'floor' | 'section' | 'desk', what: string, name: string, parent?: string) => ({
  '@odata.type': `#microsoft.graph.${type}` as const,
  id: idOf(what),
  displayName: name,
  ...(parent === undefined ? {} : { parentId: idOf(parent) }),
});

/** The model of a device is told, as rooms have it; what a booking needs of it is that there is one. */
const devices = {
  audio: { audioDeviceName: 'Aurora Speak 2' },
  video: { videoDeviceName: 'Aurora Bar Pro' },
  display: { displayDeviceName: 'Panorama 75 inch' },
} as const;
type Device = keyof typeof devices;

interface Fittings {
  readonly has?: readonly Device[];
  readonly tags?: readonly string[];
  readonly wheelchair?: boolean;
}

function room(name: string, floor: string, capacity: number, { has = [], tags = [], wheelchair }: Fittings): Room {
  const account = `room-${name.toLowerCase()}`;
  const address = `${account}@${mailDomain}`;
  return {
    address,
    name,
    capacity,
    place: {
      '@odata.type': '#microsoft.graph.room',
      id: idOf(account),
      displayName: name,
      emailAddress: address,
      parentId: idOf(floor),
      // As a string: Microsoft's own example has it so, whatever the metadata says.
      capacity: String(capacity),
      bookingType: 'standard',
      ...Object.assign({}, ...has.map((device) => devices[device])),
      ...(tags.length > 0 ? { tags } : {}),
      ...(wheelchair === undefined ? {} : { isWheelChairAccessible: wheelchair }),
    },
  };
}

/** The first three stand in the directory as well, among its people. */
export const rooms: readonly Room[] = [
  room('Vermeer', 'ams-1', 8, { has: ['video', 'display'], wheelchair: true }),
  room('Hopper', 'ams-1', 12, { has: ['audio', 'video', 'display'], tags: ['whiteboard'], wheelchair: true }),
  room('Noether', 'ams-1', 4, { has: ['display'] }),
  room('Spinoza', 'ams-0', 60, { has: ['audio', 'display'], tags: ['stage', 'hearing-loop'], wheelchair: true }),
  room('Escher', 'ams-2', 6, { has: ['display'], tags: ['whiteboard'] }),
  room('Curie', 'ams-2', 10, { has: ['video', 'display'], tags: ['whiteboard'] }),
  room('Turing', 'ams-2', 2, {}),
  room('Rembrandt', 'ams-2', 16, { has: ['audio', 'video', 'display'], wheelchair: true }),
  room('Erasmus', 'rtm-1', 8, { has: ['video', 'display'], wheelchair: true }),
  room('Mondriaan', 'rtm-1', 20, { has: ['audio', 'video', 'display'], tags: ['whiteboard'], wheelchair: true }),
  room('Kahlo', 'rtm-2', 4, { tags: ['whiteboard'] }),
  room('Franklin', 'rtm-2', 6, { has: ['display'] }),
];

/** A room list: whoever names it in a setting means its rooms, also those that join it later. */
export const roomList = `meeting-rooms@${mailDomain}`;

const workspace = (what: string, name: string, floor: string, capacity: number): GraphPlace => ({
  '@odata.type': '#microsoft.graph.workspace',
  id: idOf(what),
  displayName: name,
  emailAddress: `${what}@${mailDomain}`,
  parentId: idOf(floor),
  capacity,
  mode: { '@odata.type': '#microsoft.graph.reservablePlaceMode' },
});

/** Two buildings with their floors, twelve rooms, two pools of desks and two desks, and a list of the rooms. */
export const places: readonly GraphPlace[] = [
  place('building', 'ams', 'Amsterdam, Keizersgracht'),
  place('building', 'rtm', 'Rotterdam, Maashaven'),
  place('floor', 'ams-0', 'Ground floor', 'ams'),
  place('floor', 'ams-1', 'First floor', 'ams'),
  place('floor', 'ams-2', 'Second floor', 'ams'),
  place('floor', 'rtm-1', 'First floor', 'rtm'),
  place('floor', 'rtm-2', 'Second floor', 'rtm'),
  place('section', 'ams-2-quiet', 'Quiet zone', 'ams-2'),
  ...rooms.map((one) => one.place),
  workspace('desks-garden', 'Desks by the garden', 'ams-1', 14),
  workspace('desks-harbour', 'Desks by the harbour', 'rtm-2', 8),
  place('desk', 'desk-quiet-1', 'Quiet desk 1', 'ams-2-quiet'),
  place('desk', 'desk-quiet-2', 'Quiet desk 2', 'ams-2-quiet'),
  {
    '@odata.type': '#microsoft.graph.roomList',
    id: idOf('meeting-rooms'),
    displayName: 'Meeting rooms',
    emailAddress: roomList,
    rooms: rooms.map(({ address }) => address),
  },
];
