/** What went wrong, for programs; the message says it for people. */
export type ErrorCode = 'BAD_CONFIG' | 'BAD_INPUT' | 'UNSUPPORTED';

const brand = Symbol.for('tubelet.error');

/** The one error form: `[op] what must be = expected, got actual`. */
export class TubeletError extends Error {
  readonly code: ErrorCode;
  /** The scheduler, guidance or function that refused. */
  readonly op: string;

  constructor(code: ErrorCode, op: string, message: string, options?: { cause?: unknown }) {
    super(`[${op}] ${message}`, options);
    this.name = 'TubeletError';
    this.code = code;
    this.op = op;
    Object.defineProperty(this, brand, { value: true });
  }

  /** True for a TubeletError of any package and any copy of it. */
  static isInstance(error: unknown): error is TubeletError {
    return typeof error === 'object' && error !== null && brand in error;
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
  // JSON has no word for NaN and infinities.
  const isPlain = typeof actual === 'string' || typeof actual === 'number';
  const shown = isPlain ? actual : JSON.stringify(actual);
  return new TubeletError(code, op, `${what} must be = ${expected}, got ${shown}`);
}
