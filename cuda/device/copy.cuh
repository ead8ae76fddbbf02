// Shared memory that a launch gives, and asynchronous copies into shared memory (compute capability 8.0).
#pragma once

#include <cstdint>

namespace tubelet::cuda {

#ifdef __CUDACC__

/// What the launch asked for, at a multiple of 128 bytes.
__device__ inline unsigned char *launch_shared() {
  extern __shared__ __align__(128) unsigned char start[];
  return start;
}

__device__ inline uint32_t shared_address(const void *in_shared) {
  return uint32_t(__cvta_generic_to_shared(in_shared));
}

/// Starts a copy of 16 bytes, of which those from `bytes` on become 0. Both ends at multiples of 16.
__device__ inline void copy_async(void *to_shared, const void *from, unsigned bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to_shared)),
               "l"(from), "r"(bytes)
               : "memory");
}

/// The copies started since the last call are a group.
__device__ inline void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }

/// Until all but the last `groups` of this thread are there. Others see them after a barrier.
template <int groups> __device__ void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(groups) : "memory");
}

#else // on the host, for tests

inline unsigned char *launch_shared() { return emulated::shared_memory(); }
inline void copy_async(void *to_shared, const void *from, unsigned bytes) {
  emulated::copy_later(to_shared, from, bytes);
}
inline void commit_copies() { emulated::commit_copies(); }
template <int groups> void wait_for_copies() { emulated::wait_for_copies(groups); }

#endif

/// Where unit `unit` of 16 bytes of a row of 128 lies in a swizzled tile.
__device__ inline unsigned char *unit_of(unsigned char *tile, int row, int unit) {
  return tile + row * 128 + (unit ^ (row & 7)) * 16;
}

} // namespace tubelet::cuda
