// The CPU as a kind of device.
#pragma once

namespace tubelet {

/// Makes "cpu" known to Device::open. Any number of calls.
void register_cpu();

} // namespace tubelet
