import type { Buffer, Device } from '@tubelet/native';

/** Allocates a buffer on the device and fills it with `data`, which may be changed at once. */
export async function upload(device: Device, data: ArrayBufferView): Promise<Buffer> {
  const buffer = device.allocate(data.byteLength);
  await buffer.write(data);
  return buffer;
}

/**
 * Reads float32 values back.
 *
 * @param elements how many
 * @defaultValue all the buffer holds
 */
export async function readFloat32(buffer: Buffer, elements?: number): Promise<Float32Array> {
  const values = new Float32Array(elements ?? Math.floor(buffer.bytes / 4));
  await buffer.read(values);
  return values;
}

/** Reads int32 values back; otherwise as {@link readFloat32}. */
export async function readInt32(buffer: Buffer, elements?: number): Promise<Int32Array> {
  const values = new Int32Array(elements ?? Math.floor(buffer.bytes / 4));
  await buffer.read(values);
  return values;
}
