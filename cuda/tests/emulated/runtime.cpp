// The runtime behind the library: one device, whose memory is the host's and whose stream is the caller.
#include "cuda_runtime_api.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

/// For tests: launches of a graph since the library was loaded.
extern "C" {
__attribute__((visibility("default"))) int emulated_graph_launches = 0;
}

struct CUgraph_st {
  std::vector<std::function<void()>> nodes;
};
struct CUgraphExec_st : CUgraph_st {};

namespace emulated {
namespace {

std::unique_ptr<CUgraph_st> captured;
cudaStream_t capturing = nullptr;
std::map<const void *, size_t> allowed_shared; ///< by kernel

} // namespace

cudaError_t allow_shared(const void *kernel, size_t bytes) {
  if (bytes > size_t(227) << 10)
    return cudaErrorInvalidValue;
  allowed_shared[kernel] = bytes;
  return cudaSuccess;
}
bool is_allowed_shared(const void *kernel, size_t bytes) {
  const auto found = allowed_shared.find(kernel);
  return bytes <= (found == allowed_shared.end() ? size_t(44) << 10 : found->second);
}

bool is_recording(cudaStream_t stream) { return captured && stream == capturing; }
void record(std::function<void()> node) { captured->nodes.push_back(std::move(node)); }

namespace {

cudaError_t run_or_record(cudaStream_t stream, std::function<void()> work) {
  if (is_recording(stream))
    record(std::move(work));
  else
    work();
  return cudaSuccess;
}

} // namespace
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
cudaError_t cudaGetDriverEntryPointByVersion(const char *name, void **found, unsigned,
                                             unsigned long long,
                                             cudaDriverEntryPointQueryResult *result) {
  const bool is_known = std::strcmp(name, "cuTensorMapEncodeTiled") == 0;
  *found = is_known ? emulated::tensor_map_encoder() : nullptr;
  *result = is_known ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
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
cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int) {
  *value = attribute == cudaDevAttrMemoryPoolsSupported;
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes) {
  *free_bytes = *total_bytes = total_memory;
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned) {
  static uintptr_t streams = 0;
  *stream = reinterpret_cast<cudaStream_t>(++streams);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return emulated::is_recording(stream) ? cudaErrorInvalidValue : cudaSuccess;
}
cudaError_t cudaMalloc(void **memory, size_t bytes) {
  const bool is_made = bytes <= total_memory && posix_memalign(memory, 256, bytes) == 0;
  return is_made ? cudaSuccess : cudaErrorMemoryAllocation;
}
cudaError_t cudaFree(void *memory) {
  std::free(memory);
  return cudaSuccess;
}
cudaError_t cudaMemPoolCreate(cudaMemPool_t *pool, const cudaMemPoolProps *) {
  *pool = reinterpret_cast<cudaMemPool_t>(pool); // any that is not null
  return cudaSuccess;
}
cudaError_t cudaMemPoolDestroy(cudaMemPool_t) { return cudaSuccess; }
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void *) { return cudaSuccess; }
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t, size_t) { return cudaSuccess; }
cudaError_t cudaMallocFromPoolAsync(void **memory, size_t bytes, cudaMemPool_t,
                                    cudaStream_t stream) {
  return emulated::is_recording(stream) ? cudaErrorInvalidValue : cudaMalloc(memory, bytes);
}
cudaError_t cudaFreeAsync(void *memory, cudaStream_t stream) {
  return emulated::is_recording(stream) ? cudaErrorInvalidValue : cudaFree(memory);
}
cudaError_t cudaMallocHost(void **memory, size_t bytes) { return cudaMalloc(memory, bytes); }
cudaError_t cudaFreeHost(void *memory) { return cudaFree(memory); }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned) {
  *event = nullptr;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return cudaSuccess; }
cudaError_t cudaEventSynchronize(cudaEvent_t) { return cudaSuccess; }

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  emulated::capturing = stream;
  emulated::captured = std::make_unique<CUgraph_st>();
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t *graph) {
  *graph = emulated::captured.release();
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *ready, cudaGraph_t graph, unsigned long long) {
  *ready = new CUgraphExec_st{*graph};
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t) {
  emulated_graph_launches++;
  for (const auto &node : graph->nodes)
    node();
  return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *memory, int value, size_t bytes, cudaStream_t stream) {
  return emulated::run_or_record(stream, [=] { std::memset(memory, value, bytes); });
}
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind,
                            cudaStream_t stream) {
  return emulated::run_or_record(stream, [=] { std::memcpy(to, from, bytes); });
}
cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch,
                              size_t width, size_t height, cudaMemcpyKind, cudaStream_t stream) {
  return emulated::run_or_record(stream, [=] {
    for (size_t row = 0; row < height; row++)
      std::memcpy(static_cast<char *>(to) + row * to_pitch,
                  static_cast<const char *>(from) + row * from_pitch, width);
  });
}
