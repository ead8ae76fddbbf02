/**
 * Rows of several tensors after each other.
 *
 * @param width of the result's rows, zeros behind the tensors'; their sum where absent
 * @returns [rows, width]
 */
export function sideBySide(
  parts: readonly Float32Array[],
  rows: number,
  width = parts.reduce((sum, { length }) => sum + length / rows, 0),
): Float32Array {
  const out = new Float32Array(rows * width);
  let column = 0;
  for (const part of parts) {
    const columns = part.length / rows;
    for (let row = 0; row < rows; row++)
      out.set(part.subarray(row * columns, (row + 1) * columns), row * width + column);
    column += columns;
  }
  return out;
}
