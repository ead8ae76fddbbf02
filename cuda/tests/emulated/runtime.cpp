#include "cuda_runtime_api.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <ucontext.h>
#include <vector>

namespace emulated {
namespace {

constexpr size_t stack_bytes = 64 << 10;
constexpr unsigned warp = 32;

struct MeetsBarrier {};

/// A block whose threads meet at barriers.
struct Fibers {
  explicit Fibers(unsigned threads)
      : contexts(threads), stacks(new char[threads * stack_bytes]), is_done(threads),
        values(threads) {}

  std::vector<ucontext_t> contexts;
  std::unique_ptr<char[]> stacks;
  std::vector<bool> is_done;
  std::vector<float> values; ///< of the exchange under way
  ucontext_t scheduler;
  void (*body)(void *context);
  void *context;
};

thread_local Fibers *fibers = nullptr;

void run_fiber() {
  Fibers &block = *fibers;
  block.body(block.context);
  block.is_done[threadIdx.x] = true;
  swapcontext(&block.contexts[threadIdx.x], &block.scheduler);
}

/// From barrier to barrier: each round takes every thread that is left to its next one.
void run_rounds(Fibers &block) {
  const unsigned threads = unsigned(block.contexts.size());
  for (unsigned t = 0; t < threads; t++) {
    ucontext_t &context = block.contexts[t];
    getcontext(&context);
    context.uc_stack.ss_sp = block.stacks.get() + t * stack_bytes;
    context.uc_stack.ss_size = stack_bytes;
    context.uc_link = nullptr;
    makecontext(&context, run_fiber, 0);
  }
  for (bool is_running = true; is_running;) {
    is_running = false;
    for (unsigned t = 0; t < threads; t++)
      if (!block.is_done[t]) {
        threadIdx.x = t;
        swapcontext(&block.scheduler, &block.contexts[t]);
        is_running = true;
      }
  }
}

} // namespace

void wait_for_block() {
  if (!fibers)
    throw MeetsBarrier();
  swapcontext(&fibers->contexts[threadIdx.x], &fibers->scheduler);
}

float exchange(float value, unsigned lane_mask) {
  if (!fibers)
    throw MeetsBarrier();
  fibers->values[threadIdx.x] = value;
  wait_for_block();
  const unsigned lane = threadIdx.x % warp;
  value = fibers->values[threadIdx.x - lane + (lane ^ lane_mask)];
  wait_for_block();
  return value;
}

void run_block(void (*body)(void *context), void *context) {
  try {
    for (threadIdx.x = 0; threadIdx.x < blockDim.x; threadIdx.x++)
      body(context);
  } catch (const MeetsBarrier &) {
    Fibers block(blockDim.x);
    block.body = body;
    block.context = context;
    fibers = &block;
    run_rounds(block);
    fibers = nullptr;
  }
}

} // namespace emulated

namespace {

constexpr size_t total_memory = size_t(64) << 30;

} // namespace

const char *cudaGetErrorName(cudaError_t error) {
  return error == cudaErrorInvalidConfiguration ? "cudaErrorInvalidConfiguration" : "cudaError";
}
const char *cudaGetErrorString(cudaError_t) { return "emulated"; }
cudaError_t cudaGetLastError() { return cudaSuccess; }
cudaError_t cudaDriverGetVersion(int *version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
/// None, where the environment asks for that: the library's answers can be tested.
cudaError_t cudaGetDeviceCount(int *count) {
  *count =
      std::getenv("TUBELET_EMULATED_GPUS") ? std::atoi(std::getenv("TUBELET_EMULATED_GPUS")) : 1;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int) { return cudaSuccess; }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int) {
  *properties = {"emulated on the host", 0, 0, 1};
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr, int) {
  *value = 0;
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes) {
  *free_bytes = *total_bytes = total_memory;
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned) {
  *stream = nullptr;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaMalloc(void **memory, size_t bytes) {
  const bool is_made = bytes <= total_memory && posix_memalign(memory, 256, bytes) == 0;
  return is_made ? cudaSuccess : cudaErrorMemoryAllocation;
}
cudaError_t cudaFree(void *memory) {
  std::free(memory);
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void *memory, int value, size_t bytes, cudaStream_t) {
  std::memset(memory, value, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind,
                            cudaStream_t) {
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch,
                              size_t width, size_t height, cudaMemcpyKind, cudaStream_t) {
  for (size_t row = 0; row < height; row++)
    std::memcpy(static_cast<char *>(to) + row * to_pitch,
                static_cast<const char *>(from) + row * from_pitch, width);
  return cudaSuccess;
}
