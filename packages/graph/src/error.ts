/** What went wrong, for programs; the same codes as the addon's. */
export type ErrorCode =
  | 'BAD_GRAPH'
  | 'BAD_ATTRIBUTE'
  | 'BAD_SHAPE'
  | 'BAD_INPUT'
  | 'BAD_WEIGHT'
  | 'BAD_CONFIG'
  | 'OUT_OF_MEMORY'
  | 'ABORTED'
  | 'DISPOSED'
  | 'IO'
  | 'UNSUPPORTED';

const brand = Symbol.for('tubelet.error');

/** The one error form: `[op] what must be = expected, got actual`. */
export class TubeletError extends Error {
  readonly code: ErrorCode;
  /** The op, or the part of Tubelet, that refused. */
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

/** Throws `[op] what must be = expected, got actual` unless `holds`. */
export function check(
  holds: boolean,
  code: ErrorCode,
  op: string,
  what: string,
  expected: string | number,
  got: string | number,
): asserts holds {
  if (!holds) throw new TubeletError(code, op, `${what} must be = ${expected}, got ${got}`);
}
