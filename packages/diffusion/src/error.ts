/** What went wrong, for programs; the message says it for people. */
export type ErrorCode = 'BAD_CONFIG' | 'BAD_INPUT' | 'UNSUPPORTED';

/** The error of every tubelet package: `[op] what must be = expected, got actual`. */
export class TubeletError extends Error {
  override readonly name = 'TubeletError';
  readonly code: string;
  /** The scheduler, guidance or function that refused. */
  readonly op: string;

  constructor(code: string, op: string, problem: string, options?: ErrorOptions) {
    super(`[${op}] ${problem}`, options);
    this.code = code;
    this.op = op;
  }
}

/** Makes the error for a value that is not what it must be. */
export function mustBe(
  op: string,
  what: string,
  expected: string,
  actual: unknown,
  code: ErrorCode = 'BAD_INPUT',
): TubeletError {
  const shown = typeof actual === 'string' ? actual : (JSON.stringify(actual) ?? String(actual));
  return new TubeletError(
    code,
    op,
    `${what} must be = ${expected}, got ${Object.is(actual, Number.NaN) || Math.abs(Number(actual)) === Infinity ? String(actual) : shown}`,
  );
}
