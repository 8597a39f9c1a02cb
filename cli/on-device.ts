import type { Device } from '../artifacts/device.ts';
import { chooseDevice } from '../training/device/choose.ts';

/**
 * What `use` of a device gives. A device is tried only once its use has failed: trying takes seconds.
 *
 * @throws InputError where it does not work here, saying all that is in the way; else what `use` throws
 */
export async function onDevice<T>(device: Device, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    await chooseDevice(device);
    throw error;
  }
}
