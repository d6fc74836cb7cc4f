import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import graph from '../../../connectors/microsoft-graph/index.ts';

/**
 * The traps of Microsoft Graph that are known to us, sentence by sentence of the protocol notes they were collected in (`§` is
 * their section), each with the test that has met it; and what is no trap to us, with why. Whoever renames a test is told here.
 */
const traps: readonly (readonly [section: string, trap: string, test: string])[] = [
  // §1.1 users/delta
  [
    '1.1',
    '$select counts in the first request alone',
    'are selected by what is declared, in the first request of a round',
  ],
  [
    '1.1',
    'so what is selected later is in no token',
    'has what is selected in the token, so that a feature switched on later',
  ],
  [
    '1.1',
    '$top, $expand and $orderby are refused',
    'are selected by what is declared, in the first request of a round',
  ],
  // No trap: $filter by id (50 at most) and $deltatoken=latest: not used for reading; `check` asks for the latter.
  [
    '1.1',
    'a page may be empty and still have a nextLink',
    'are read through pages that are empty and still have a next link',
  ],
  [
    '1.1',
    '@removed has two reasons, and comes in a first round too',
    'are gone for both reasons of @removed, in the first',
  ],
  ['1.1', 'a restored user comes without any word of it', 'come back, restored, as ordinary users'],
  ['1.1', 'absent is not null', 'are told whole at first, and then as changes in which absent is not null'],
  [
    '1.1',
    'no more may be told than what changed',
    'are asked for whole when no more of a change is told than what has changed',
  ],
  [
    '1.1',
    'what is absent is kept, what is null is emptied',
    'keeps what a change does not name and empties what it names as null',
  ],
  [
    '1.1',
    'twice in a round, in any order, and again in a later one',
    'may come twice in a round, and a round may be told again',
  ],
  ['1.1', 'tokens are opaque: the whole link is copied', 'are sent as they came, letter by letter'],
  ['1.1', 'a token lives seven days', 'starts over by itself when nothing was read for longer than the seven days'],
  [
    '1.1',
    'a token ends as 400 or as 410, in either spelling',
    'start over when the delta token has ended, as 400 or 410',
  ],
  ['1.1', 'the Location of a reset is a server’s word', 'do not follow the Location of a reset, wherever it leads'],
  ['1.1', 'so is a nextLink', 'follow no link to another host, and send the token nowhere else'],
  [
    '1.1',
    'a change may be missing from one round and appear in a later',
    'are neither lost nor taken for removals, though others overtake them',
  ],
  ['1.1', 'nor need a full pass show it', 'leave a newcomer who was looked up as known, and bring back'],
  ['1.1', 'it may be told before it can be found', 'that changed and cannot be found any more are counted'],
  ['1.1', 'skills, photo and their like are not tracked', 'are asked for nothing that is kept outside the directory'],
  ['1.1', 'B2C and external tenants have no delta', 'of a tenant in which no changes are told cannot be read'],
  [
    '1.1',
    'and their users can be listed all the same',
    'says of a tenant that lists users and tells no changes of them',
  ],
  // §1.2 calendarView and its delta
  // No trap: delta without a window is beta, and of each calendar but the primary: the primary calendars in a window are all that is read.
  ['1.2', 'the window is frozen in the token', 'is frozen in the token: moved on, it starts the reading over'],
  [
    '1.2',
    'delta has no $select, and Prefer must be said each time',
    'are asked for with page size and zone in every request',
  ],
  [
    '1.2',
    'so subject, body and attendees cross the line',
    'leave subject, body, location, attendees and join link behind',
  ],
  ['1.2', 'the view has $select, and $top up to 1,000', 'are asked for what is looked at, and for nothing else'],
  ['1.2', 'the window counts by its own offset', 'is whole days in UTC around now, and told with the reading'],
  ['1.2', 'what lies outside the window may come as removed', 'lets events outside it arrive as removed'],
  ['1.2', 'and is no removal that counts', 'counts no removal for what it never knew'],
  [
    '1.2',
    'syncStateNotFound is spelt in either case',
    'start over when the token has ended, in whatever case its code',
  ],
  [
    '1.2',
    'occurrences may come bare, and a master is not busy',
    'is its occurrences, which inherit what they are not told with',
  ],
  ['1.2', 'the master may lie before the window', 'that began before the window has its master asked for, once'],
  ['1.2', 'or be gone', 'whose master is not found (404) is dropped'],
  ['1.2', 'a deleted occurrence is told by nothing', 'is sent again as a whole when an occurrence is deleted'],
  [
    '1.2',
    'a series is not split over pages: on a second one it is told anew',
    'of a series that is told on one page are all of it',
  ],
  [
    '1.2',
    'told twice, a series is not to be told apart',
    'told twice in a round, before and after an occurrence was deleted',
  ],
  ['1.2', 'enumerations grow', 'are told with what Graph says of them, known to us or not'],
  ['1.2', 'and an unknown word is no free room', 'takes a room for taken where how it is taken is told by a word'],
  ['1.2', 'a type may be one that nobody knows', 'are single ones if their type is one that nobody knows'],
  [
    '1.2',
    'a cancelled meeting stays in the calendar',
    'free the room when cancelled or declined, and take it otherwise',
  ],
  // No trap: sensitivity, cancelledOccurrences, iCalUId and originalStart are neither asked for nor looked at.
  [
    '1.2',
    'a zone may be tzone://Microsoft/Custom',
    'of a whole day in a zone that is custom or unknown are no records',
  ],
  ['1.2', 'times have seven digits and no offset', 'have seven fractional digits and no offset'],
  ['1.2', 'whole days are midnight to midnight', 'of a whole day are midnight in the zone that the event was made in'],
  // §1.3 getSchedule
  ['1.3', 'no more than 20 at once', 'is asked of as many people at once as Graph allows, and of no more'],
  ['1.3', 'a window of less than 62 days', 'asks for less than 62 days, whatever the rooms’ window is'],
  [
    '1.3',
    'a null interval is answered 500',
    'tells when those asked about are busy, and of nobody else, in one request',
  ],
  [
    '1.3',
    'more than 1,000 entries are error 5006',
    'leaves a calendar of more than 1,000 entries as it was (error 5006)',
  ],
  [
    '1.3',
    '0 is free or working elsewhere; Busy is busy',
    'takes working elsewhere for free and out of office for busy',
  ],
  ['1.3', 'an unknown address has its error within a 200', 'leaves the calendar of an unknown address as it was'],
  ['1.3', 'subject and location come along', 'lets no subject, place or id of an event through, nor an address'],
  [
    '1.3',
    'working hours may be of a custom zone',
    'understands working hours in a zone that has its maker’s name alone',
  ],
  ['1.3', 'ReadBasic may not be enough', 'says what to do when it may not'],
  // §1.4 places
  [
    '1.4',
    'capacity is text in one page and a number in another',
    'have a capacity, whether it is sent as text or as a number',
  ],
  ['1.4', 'a room list is named by its address, not by its id', 'are those of a room list, named by its address'],
  ['1.4', 'not every cloud has every kind', 'are none of a kind that a cloud does not have'],
  ['1.4', 'places come a hundred at a time, and have no delta', 'come page by page, each place once, and end complete'],
  // §1.5 subscriptions
  ['1.5', 'the address is tested before anything is sent', 'begin with a test of the address, answered with the token'],
  ['1.5', 'the test wants plain text, decoded', 'answer a test of the address with the decoded token as plain text'],
  [
    '1.5',
    'anybody can call: clientState must be compared',
    'with a wrong secret are taken, counted and believed in nothing',
  ],
  [
    '1.5',
    'and be no longer than 128 characters',
    'are made for what is watched, for as long as Graph allows, each with a secret',
  ],
  [
    '1.5',
    'one call may speak of several subscriptions',
    'have the partitions read whose subscriptions they name, several',
  ],
  ['1.5', 'and of those of others', 'of one connection cannot speak for another’s subscriptions'],
  ['1.5', 'it wants its answer within seconds', 'are a time, too: what takes too long is answered so that it comes'],
  [
    '1.5',
    'what is acknowledged never comes again',
    'are not acknowledged unless both the wish and its job are durable',
  ],
  [
    '1.5',
    'lifecycle events want an answer of their own',
    'about a subscription: missed is read, renewal is done at once',
  ],
  ['1.5', 'renewal may be refused, for it is gone', 'are renewed at once when Graph asks for it, and made anew'],
  [
    '1.5',
    'no address can be changed by PATCH',
    'are ended and made anew when they call an address that is no longer ours',
  ],
  [
    '1.5',
    'a second subscription to the same is 409',
    'take the place of one that a killed run made and could not write down',
  ],
  // §1.6 $batch and throttling
  [
    '1.6',
    '20 in a batch, each with an id of its own, in whatever case',
    'hold 20 requests at most, each with an id of its own',
  ],
  ['1.6', 'answers come in any order', 'have each its own answer and token, in whatever order the answers come'],
  ['1.6', 'a batch that is 200 says nothing of what is in it', 'are not all well because their outer answer is'],
  [
    '1.6',
    'one within is throttled by itself',
    'of one request in a batch leaves the answers of the others as they are',
  ],
  ['1.6', '424 is no answer', 'is not what an answer within a batch is that says nothing'],
  [
    '1.6',
    'nor is it where calendars are asked together',
    'that are refused inside the batch stop alone, named by their entry',
  ],
  ['1.6', 'four at a time of one mailbox', 'asks for the masters of one mailbox four at a time'],
  ['1.6', 'and a limit of its own for all together', 'are begun anew no more at a time than in_flight says'],
  ['1.6', '429 without Retry-After', 'without a word in '],
  ['1.6', 'Retry-After may be longer than anybody sleeps', 'goes on by schedule when Graph had asked for'],
  // No trap: 10,000 in ten minutes, units of resources, x-ms-throttle-limit-percentage and -scope: they come before or with a 429, which is
  // sat out as long as it says; nothing is counted here.
  // §1.7 least privilege
  [
    '1.7',
    'User.ReadBasic.All opens nothing to an application',
    'says in one sentence that User.ReadBasic.All opens nothing',
  ],
  ['1.7', 'and a run says so too', 'name the permission that is missing'],
  ['1.7', 'two names of Calendars.ReadBasic', 'takes either name of Calendars.ReadBasic'],
  [
    '1.7',
    'ReadBasic still tells subject, location and attendees',
    'lets nothing of what Graph sends get through but what is declared',
  ],
  // No trap: which permissions an Application Access Policy can limit: none is advised any more.
  [
    '1.7',
    'Exchange grants some mailboxes without any role in the token',
    'is content with calendars that Exchange alone grants',
  ],
  ['1.7', 'and with that alone a run reads', 'reads with what Exchange alone grants, for the rooms alone'],
  [
    '1.7',
    'permissions of Entra and of Exchange add up',
    'says over-scoped where Exchange grants the rooms alone and Entra',
  ],
  [
    '1.7',
    'whatever the token says, only a try shows the scope',
    'tries one mailbox that is not named, and says over-scoped',
  ],
  ['1.7', 'scopes do not follow nested groups', 'are those of the direct members of a group'],
  [
    '1.7',
    'a mailbox outside the scope is 403',
    'that are gone, closed to us or without permission are named by their entry',
  ],
  // §1.8 zones
  ['1.8', 'zones have Windows names, in any case', 'are known by their Windows names, in any case'],
  ['1.8', '139 of them', 'are known by all 139 names of Windows, each as far from UTC as Windows says'],
  ['1.8', 'or IANA names with an older one behind', 'are known by IANA names, those of Graph with an older name'],
  ['1.8', 'which are a fixed list', 'are known by every name that Graph says it writes besides'],
  ['1.8', 'or names that mean nothing', 'are none if custom, unknown, or an offset'],
];

describe('the traps of Microsoft Graph', () => {
  const here = new URL('.', import.meta.url);
  const files = readdirSync(here).filter((name) => name.endsWith('.test.ts') && name !== 'traps.test.ts');
  const titles = [...files, '../../api/push.test.ts'].flatMap((name) =>
    [...readFileSync(new URL(name, here), 'utf8').matchAll(/\bit\(\s*(['`])(.*?)\1,/gs)].map(([, , title]) => title!),
  );

  for (const [section, trap, test] of traps)
    it(`§${section} ${trap}`, () => {
      expect(titles.filter((title) => title.startsWith(test))).to.have.length.above(0);
    });

  it('§1.2 a window of more than 1,825 days is refused: no setting allows one', () => {
    const { back, ahead } = graph.settings.window!.most!;
    expect(back + ahead + 1).to.be.below(1_825);
  });
});
