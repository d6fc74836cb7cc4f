/** What a subscription is told. */
export interface Change {
  /** Of the user, the single event, or the master of a series: an occurrence changes its series. */
  readonly id: string;
  readonly type: 'created' | 'updated' | 'deleted';
}
