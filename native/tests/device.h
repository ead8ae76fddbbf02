// The kernels of a device, made to take the host's tensors, so that they run through the same tests.
#pragma once

#include "cpu/isa.h"

namespace tubelet {

/// Opens the kind of device, once per process; its architecture as a level. Around every call inputs,
/// scratch and output are copied to the device and back, with guard bytes around each, in turn at 256
/// bytes and 4 bytes beyond that: bytes may not depend on alignment. Throws Error.
IsaLevel device_level(const std::string &kind);

} // namespace tubelet
