import type { Buffer, Device } from '@tubelet/native';

/** The last buffer that each device has begun to make in turn. */
const making = new WeakMap<Device, Promise<unknown>>();

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

/** As {@link perDevice}, those of a device one after another: only one at a time needs memory to work in. */
export function perDeviceInTurn(make: (device: Device) => Promise<Buffer>) {
  return perDevice((device) => {
    const before = making.get(device) ?? Promise.resolve();
    const buffer = before.then(
      () => make(device),
      () => make(device),
    );
    making.set(device, buffer);
    return buffer;
  });
}
