#pragma once

#include <cuda_runtime_api.h>

namespace tubelet::cuda {

/// cudaSuccess, or why no kernel of this library can run on the current GPU.
cudaError_t probe_code();

} // namespace tubelet::cuda
