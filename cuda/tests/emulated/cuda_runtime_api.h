// CUDA as far as the library uses it, on the host: kernels run thread by thread, so that tests and
// sanitizers reach them on a machine without a GPU. Found before the toolkit's header of this name.
//
// The threads of a block are run one after another. At the first barrier, shuffle or asynchronous copy
// the block starts again with a fiber per thread, each going from barrier to barrier; that is sound
// because kernels write no global memory before it.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <math.h>
#include <tuple>
#include <utility>
#include <vector>

#define __global__
#define __host__
#define __device__
#define __shared__ static
#define __launch_bounds__(...)
#define __grid_constant__

struct dim3 {
  unsigned x, y = 1, z = 1;
  explicit dim3(unsigned x = 1) : x(x) {}
};

inline thread_local dim3 gridDim, blockDim, blockIdx, threadIdx;

namespace emulated {

constexpr unsigned warp = 32;

/// Ends the process: a kernel does what a GPU would not survive.
[[noreturn]] void fail(const char *what);
/// Runs body once for every thread of the current block.
void run_block(void (*body)(void *context), void *context, size_t shared_bytes);
/// The launch's shared bytes, NaN at the block's start.
unsigned char *shared_memory();
/// Returns when every thread of the block has come here, or has ended.
void wait_for_block();
/// Every lane of a warp gives an argument; the last to come runs act(arguments, null for lanes that have
/// ended), then all go on.
void with_warp(void *argument, void (*act)(void *const *arguments));
/// 16 bytes, zeros from `bytes` on. They are copied as late as the thread's waits allow.
void copy_later(void *to, const void *from, unsigned bytes);
void commit_copies();
/// Leaves at most `groups` of the thread's committed groups undone.
void wait_for_copies(unsigned groups);

/// Other threads run until is_ready(context).
void wait_until(bool (*is_ready)(const void *context), const void *context);
/// Done when no thread can go on.
void do_later(std::function<void()> work);
/// Returns when `threads` threads have come to the barrier of that name.
void meet(int name, int threads);

/// What PTX calls an address in shared memory.
uint32_t shared_address(const void *in_shared);
const unsigned char *shared_at(uint32_t address);

// Of device/tma.cuh.
void *tensor_map_encoder();
void make_barrier(void *barrier, unsigned arrivals);
void arrive(void *barrier, unsigned bytes);
void wait_for(void *barrier, unsigned parity);
void load_tile(void *to, const void *map, int32_t column, int32_t row, void *barrier);

// Of device/wgmma.cuh.
/// Of one thread: where its sums are, and A in registers or as a tile.
struct Product {
  float *sums;
  int columns;
  const uint32_t *a;
  uint64_t a_tile, b_tile;
  bool is_added;
};
uint32_t swizzled(uint32_t address);
void start_products();
void multiply_tiles(const Product &product);
void commit_products();
void products_done(unsigned groups);
/// Now, of the lanes of a warpgroup.
void multiply(const std::vector<Product> &lanes);

// Of device/mma.cuh.
uint32_t bfloat(float value);
void load_matrices(uint32_t (&to)[4], const void *row, bool is_transposed);
void multiply_add(float (&sum)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);

} // namespace emulated

inline void __syncthreads() { emulated::wait_for_block(); }
inline void __syncwarp() {
  emulated::with_warp(nullptr, [](void *const *) {});
}

template <class T> T __shfl_xor_sync(unsigned, T value, int lane_mask) {
  struct Lane {
    T value, result;
    unsigned mask;
  } lane = {value, value, unsigned(lane_mask)};
  emulated::with_warp(&lane, [](void *const *lanes) {
    for (unsigned i = 0; i < emulated::warp; i++)
      if (auto *own = static_cast<Lane *>(lanes[i]))
        if (const auto *other = static_cast<Lane *>(lanes[i ^ own->mask]))
          own->result = other->value;
  });
  return lane.result;
}

inline float __uint_as_float(uint32_t bits) { return std::bit_cast<float>(bits); }
inline uint32_t __float_as_uint(float value) { return std::bit_cast<uint32_t>(value); }
inline int64_t __double_as_longlong(double value) { return std::bit_cast<int64_t>(value); }
inline double __longlong_as_double(int64_t bits) { return std::bit_cast<double>(bits); }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }

struct CUstream_st;

namespace emulated {

/// Whether a graph is being captured from the stream, of which `record` adds a node.
bool is_recording(CUstream_st *stream);
void record(std::function<void()> node);

} // namespace emulated

// ---- the runtime: one device, whose memory is the host's -------------------------------------------

constexpr int CUDART_VERSION = 13000;

enum cudaError_t {
  cudaSuccess,
  cudaErrorInvalidValue,
  cudaErrorMemoryAllocation,
  cudaErrorInsufficientDriver,
  cudaErrorNoDevice,
  cudaErrorInvalidConfiguration
};
enum cudaDriverEntryPointQueryResult {
  cudaDriverEntryPointSuccess,
  cudaDriverEntryPointSymbolNotFound
};
constexpr unsigned long long cudaEnableDefault = 0;
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum cudaDeviceAttr {
  cudaDevAttrComputeCapabilityMajor,
  cudaDevAttrComputeCapabilityMinor,
  cudaDevAttrMemoryPoolsSupported
};
constexpr unsigned cudaStreamNonBlocking = 1;

using cudaStream_t = struct CUstream_st *;
struct cudaFuncAttributes {};
struct cudaDeviceProp {
  char name[256];
  int major, minor, multiProcessorCount;
};

using cudaEvent_t = struct CUevent_st *;
using cudaMemPool_t = struct CUmemPool_st *;
using cudaGraph_t = struct CUgraph_st *;
using cudaGraphExec_t = struct CUgraphExec_st *;
constexpr unsigned cudaEventDisableTiming = 2;
enum cudaMemAllocationType { cudaMemAllocationTypePinned };
enum cudaMemLocationType { cudaMemLocationTypeDevice };
struct cudaMemPoolProps {
  cudaMemAllocationType allocType;
  struct {
    cudaMemLocationType type;
    int id;
  } location;
};
enum cudaMemPoolAttr { cudaMemPoolAttrReleaseThreshold };
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal };

const char *cudaGetErrorName(cudaError_t error);
const char *cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetLastError();
cudaError_t cudaDriverGetVersion(int *version);
cudaError_t cudaGetDriverEntryPointByVersion(const char *name, void **found, unsigned version,
                                             unsigned long long flags,
                                             cudaDriverEntryPointQueryResult *result);
cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int device);
cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int device);
cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaMalloc(void **memory, size_t bytes);
cudaError_t cudaFree(void *memory);
cudaError_t cudaMemPoolCreate(cudaMemPool_t *pool, const cudaMemPoolProps *properties);
cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool);
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void *value);
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, size_t bytes);
cudaError_t cudaMallocFromPoolAsync(void **memory, size_t bytes, cudaMemPool_t pool,
                                    cudaStream_t stream);
cudaError_t cudaFreeAsync(void *memory, cudaStream_t stream);
cudaError_t cudaMallocHost(void **memory, size_t bytes);
cudaError_t cudaFreeHost(void *memory);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *ready, cudaGraph_t graph, unsigned long long);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph);
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void *memory, int value, size_t bytes, cudaStream_t stream);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch,
                              size_t width, size_t height, cudaMemcpyKind kind,
                              cudaStream_t stream);

template <class... Parameters>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *, void (*)(Parameters...)) {
  return cudaSuccess;
}

namespace emulated {

/// Raises what a kernel may be given, up to the 227 KiB of compute capability 9.0.
cudaError_t allow_shared(const void *kernel, size_t bytes);
/// Without allow_shared, 48 KiB less 4 KiB for what the kernel declares, which is not known here.
bool is_allowed_shared(const void *kernel, size_t bytes);

} // namespace emulated

enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
template <class... Parameters>
cudaError_t cudaFuncSetAttribute(void (*kernel)(Parameters...), cudaFuncAttribute, int bytes) {
  return emulated::allow_shared(reinterpret_cast<const void *>(kernel), size_t(bytes));
}

template <class... Parameters>
cudaError_t cudaLaunchKernel(void (*kernel)(Parameters...), dim3 grid, dim3 block, void **arguments,
                             size_t shared_bytes, cudaStream_t stream) {
  if (grid.x == 0 || grid.x > INT32_MAX || block.x == 0 || block.x > 1024)
    return cudaErrorInvalidConfiguration;
  if (!emulated::is_allowed_shared(reinterpret_cast<const void *>(kernel), shared_bytes))
    return cudaErrorInvalidValue;
  auto bound = [&]<size_t... i>(std::index_sequence<i...>) {
    return std::tuple<Parameters...>(*static_cast<Parameters *>(arguments[i])...);
  }(std::index_sequence_for<Parameters...>());
  const auto work = [=] {
    gridDim = grid;
    blockDim = block;
    auto body = [&] { std::apply(kernel, bound); };
    for (blockIdx.x = 0; blockIdx.x < grid.x; blockIdx.x++)
      emulated::run_block([](void *context) { (*static_cast<decltype(body) *>(context))(); }, &body,
                          shared_bytes);
  };
  if (emulated::is_recording(stream))
    emulated::record(work);
  else
    work();
  return cudaSuccess;
}
