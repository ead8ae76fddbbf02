// Transfers between the device and the host's memory go through two pinned pieces: while one is on its way,
// the other is copied from or to where the caller wants it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>
#include <mutex>

namespace tubelet::cuda {

class Staging {
public:
  cudaError_t open();
  void close();

  /// After what was launched before; done when they return.
  cudaError_t write(cudaStream_t stream, uint8_t *to, const void *from, size_t bytes);
  cudaError_t read(cudaStream_t stream, void *to, const uint8_t *from, size_t bytes);

private:
  std::mutex busy;
  uint8_t *pieces[2] = {};
  cudaEvent_t done[2] = {};
};

} // namespace tubelet::cuda
