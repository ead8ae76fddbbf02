import type { Buffer, Device } from '@tubelet/native';

/** Makes a buffer once per device; one that failed is tried again. */
export function perDevice(make: (device: Device) => Promise<Buffer>) {
  const made = new WeakMap<Device, Promise<Buffer>>();
  return (device: Device): Promise<Buffer> => {
    const known = made.get(device);
    if (known) return known;
    const buffer = make(device);
    made.set(device, buffer);
    buffer.catch(() => made.delete(device));
    return buffer;
  };
}
