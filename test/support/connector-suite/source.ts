import type { StreamName } from '../../../src/model/model.ts';

/** A record in the source's own words, as the harness writes it into the source. */
export type Sample = Record<string, string>;

/** What a connector brings along so that the suite can drive a live source of its kind. */
export interface SourceHarness {
  /** Field names that such a source has and the connector does not declare; the suite plants markers in them. */
  readonly undeclared: readonly string[];
  /** Whether the source speaks TLS with a certificate of the test authority. */
  readonly privateAuthority: boolean;
  /** The n-th well-formed record of a stream, with every declared field it can have. Equal for equal n. */
  sample(stream: StreamName, n: number): Sample;
  /** Starts a live source on loopback that holds these records and nothing else. */
  start(contents: Partial<Record<StreamName, readonly Sample[]>>): Promise<LiveSource>;
}

export interface LiveSource {
  /** Settings with which the connector reaches it. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Each answer (or connection, where the protocol is a conversation) breaks off after so many bytes; `undefined`: none does. */
  cutAfter(bytes: number | undefined): void;
  /** How many bytes it has sent, as `cutAfter` counts them, since this was last asked. */
  bytesSent(): number;
  /** It sends this text where its protocol has something else to say; `undefined`: no longer. */
  garble(text: string | undefined): void;
  /** The fields whose values it was asked for since it started; `undefined` if such a source cannot select. */
  asked(): readonly string[] | undefined;
  stop(): Promise<void>;
}
