/** Where text goes; in a terminal, a line may be written over. */
export interface TextStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** What a command has of the outside world. */
export interface Terminal {
  /** Results. */
  readonly output: TextStream;
  /** Progress, warnings and errors. */
  readonly errors: TextStream;
  /** Ctrl-C. */
  readonly signal: AbortSignal;
}
