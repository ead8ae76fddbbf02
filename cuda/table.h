#pragma once

#include "core/kernel.h"

namespace tubelet::cuda {

/// Implementations of an op by its position in ops.def; null where there is none.
const KernelList *kernels_of(int op);

} // namespace tubelet::cuda
