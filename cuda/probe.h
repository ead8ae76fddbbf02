#pragma once

#include <cuda_runtime_api.h>

namespace tubelet::cuda {

/// cudaSuccess, or why no kernel of this library can run on the current GPU.
cudaError_t probe_code();

/// Whether the code that the driver chose for the current GPU has wgmma. Only running it tells: a library may
/// hold code for 9.0 and for 9.0a.
cudaError_t probe_wgmma(cudaStream_t stream, bool *has_wgmma);

} // namespace tubelet::cuda
