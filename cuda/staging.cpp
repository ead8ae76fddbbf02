#include "staging.h"

#include <algorithm>
#include <cstring>

namespace tubelet::cuda {
namespace {

constexpr size_t piece_bytes = size_t(4) << 20;

size_t piece_count(size_t bytes) { return (bytes + piece_bytes - 1) / piece_bytes; }
size_t bytes_of_piece(size_t bytes, size_t piece) {
  return std::min(piece_bytes, bytes - piece * piece_bytes);
}

} // namespace

cudaError_t Staging::open() {
  for (int i = 0; i < 2; i++) {
    void *piece = nullptr;
    if (cudaError_t error = cudaMallocHost(&piece, piece_bytes))
      return error;
    pieces[i] = static_cast<uint8_t *>(piece);
    if (cudaError_t error = cudaEventCreateWithFlags(&done[i], cudaEventDisableTiming))
      return error;
  }
  return cudaSuccess;
}

void Staging::close() {
  for (int i = 0; i < 2; i++) {
    if (pieces[i])
      cudaFreeHost(pieces[i]);
    if (done[i])
      cudaEventDestroy(done[i]);
  }
}

cudaError_t Staging::write(cudaStream_t stream, uint8_t *to, const void *from, size_t bytes) {
  std::lock_guard lock(busy);
  const auto *source = static_cast<const uint8_t *>(from);
  for (size_t i = 0; i < piece_count(bytes); i++) {
    uint8_t *piece = pieces[i % 2];
    if (i >= 2)
      if (cudaError_t error = cudaEventSynchronize(done[i % 2]))
        return error;
    std::memcpy(piece, source + i * piece_bytes, bytes_of_piece(bytes, i));
    if (cudaError_t error = cudaMemcpyAsync(to + i * piece_bytes, piece, bytes_of_piece(bytes, i),
                                            cudaMemcpyHostToDevice, stream))
      return error;
    if (cudaError_t error = cudaEventRecord(done[i % 2], stream))
      return error;
  }
  return cudaStreamSynchronize(stream);
}

cudaError_t Staging::read(cudaStream_t stream, void *to, const uint8_t *from, size_t bytes) {
  std::lock_guard lock(busy);
  auto *target = static_cast<uint8_t *>(to);
  const size_t count = piece_count(bytes);
  for (size_t i = 0; i <= count; i++) {
    if (i < count) {
      if (cudaError_t error =
              cudaMemcpyAsync(pieces[i % 2], from + i * piece_bytes, bytes_of_piece(bytes, i),
                              cudaMemcpyDeviceToHost, stream))
        return error;
      if (cudaError_t error = cudaEventRecord(done[i % 2], stream))
        return error;
    }
    if (i == 0)
      continue;
    if (cudaError_t error = cudaEventSynchronize(done[(i - 1) % 2]))
      return error;
    std::memcpy(target + (i - 1) * piece_bytes, pieces[(i - 1) % 2], bytes_of_piece(bytes, i - 1));
  }
  return cudaSuccess;
}

} // namespace tubelet::cuda
