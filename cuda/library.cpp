// The library's entry: device, memory and stream behind the table of tubelet_cuda.h.
#include "tubelet_cuda.h"

#include "kernel_support.h"
#include "probe.h"
#include "staging.h"
#include "table.h"
#include "tile_map.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <new>

namespace tubelet {

struct CudaSession {
  cuda::Stream stream; ///< what kernels are launched on: main, or recorder while a run is recorded
  cudaStream_t main;
  cudaStream_t recorder; ///< of its own, so that other threads may allocate and transfer meanwhile
  cudaMemPool_t memory;  ///< null where the driver has no pools
  cuda::Staging staging;
};

struct CudaRecording {
  cudaGraphExec_t graph;
};

namespace {

constexpr int ordinal = 0; ///< CUDA_VISIBLE_DEVICES says which GPU that is
constexpr CudaStatus success = {CudaCode::ok, ""};

__attribute__((format(printf, 2, 3))) CudaStatus status(CudaCode code, const char *format, ...) {
  CudaStatus made = {code, ""};
  va_list values;
  va_start(values, format);
  std::vsnprintf(made.text, sizeof made.text, format, values);
  va_end(values);
  return made;
}

CudaStatus status_of(cudaError_t error, const char *what) {
  if (error == cudaSuccess)
    return success;
  cudaGetLastError(); // else the next launch would be blamed for it
  return status(CudaCode::failed, "%s: %s, %s", what, cudaGetErrorName(error),
                cudaGetErrorString(error));
}

CudaStatus status_of_missing(cudaError_t error) {
  cudaGetLastError();
  int driver = 0;
  cudaDriverGetVersion(&driver);
  switch (error) {
  case cudaErrorInsufficientDriver:
    if (driver == 0)
      return status(CudaCode::unsupported, "no NVIDIA driver was found");
    return status(
        CudaCode::unsupported, "the NVIDIA driver is for CUDA %d.%d, and %d.%d or newer is needed",
        driver / 1000, driver % 1000 / 10, CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
  case cudaErrorNoDevice:
    return status(CudaCode::unsupported, "the NVIDIA driver shows no GPU");
  default:
    return status(CudaCode::unsupported, "%s, %s", cudaGetErrorName(error),
                  cudaGetErrorString(error));
  }
}

/// Makes the device current, or says why it cannot be used.
CudaStatus use_device() {
  int count = 0;
  if (cudaError_t error = cudaGetDeviceCount(&count))
    return status_of_missing(error);
  if (count == 0)
    return status_of_missing(cudaErrorNoDevice);
  if (cudaError_t error = cudaSetDevice(ordinal))
    return status_of_missing(error);
  if (cudaError_t error = cuda::probe_code()) {
    cudaGetLastError();
    int major = 0, minor = 0;
    cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, ordinal);
    cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, ordinal);
    return status(CudaCode::unsupported,
                  "the GPU has compute capability %d.%d, and the library holds code for %s (%s)",
                  major, minor, TUBELET_CUDA_ARCHITECTURES, cudaGetErrorName(error));
  }
  return success;
}

CudaStatus describe(CudaDevice *device) {
  *device = {};
  CudaStatus usable = use_device();
  if (usable.code != CudaCode::ok)
    return usable;
  cudaDeviceProp properties;
  if (cudaError_t error = cudaGetDeviceProperties(&properties, ordinal))
    return status_of(error, "device properties");
  std::snprintf(device->name, sizeof device->name, "%s", properties.name);
  device->major = properties.major;
  device->minor = properties.minor;
  device->multiprocessors = properties.multiProcessorCount;
  device->runtime = CUDART_VERSION;
  if (cudaError_t error = cudaDriverGetVersion(&device->driver))
    return status_of(error, "driver version");
  size_t free_bytes = 0, total_bytes = 0;
  if (cudaError_t error = cudaMemGetInfo(&free_bytes, &total_bytes))
    return status_of(error, "device memory");
  device->free_bytes = free_bytes;
  device->total_bytes = total_bytes;
  return success;
}

/// Kernels launch and return; what they would share among threads runs on the calling one.
void run_in_order(Pool &, int64_t tasks, void (*task)(void *, int64_t, int), void *context) {
  for (int64_t i = 0; i < tasks; i++)
    task(context, i, 0);
}

/// Blocks that are given back stay with the pool, so that after the first requests the driver is not asked
/// for memory again.
cudaError_t make_pool(cudaMemPool_t *pool) {
  *pool = nullptr;
  int has_pools = 0;
  cudaError_t error = cudaDeviceGetAttribute(&has_pools, cudaDevAttrMemoryPoolsSupported, ordinal);
  if (error != cudaSuccess || !has_pools)
    return error;
  cudaMemPoolProps properties = {};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location.type = cudaMemLocationTypeDevice;
  properties.location.id = ordinal;
  error = cudaMemPoolCreate(pool, &properties);
  uint64_t kept_bytes = UINT64_MAX;
  if (error == cudaSuccess)
    error = cudaMemPoolSetAttribute(*pool, cudaMemPoolAttrReleaseThreshold, &kept_bytes);
  return error;
}

void close(CudaSession *session) {
  cudaSetDevice(ordinal);
  for (const cudaStream_t stream : {session->main, session->recorder})
    if (stream)
      cudaStreamDestroy(stream);
  if (session->memory)
    cudaMemPoolDestroy(session->memory);
  session->staging.close();
  cudaGetLastError();
  delete session;
}

CudaStatus open(CudaSession **session) {
  *session = nullptr;
  CudaStatus usable = use_device();
  if (usable.code != CudaCode::ok)
    return usable;
  auto *opened = new (std::nothrow) CudaSession{
      {{1, run_in_order}, nullptr, nullptr, cudaSuccess}, nullptr, nullptr, nullptr, {}};
  if (!opened)
    return status(CudaCode::out_of_memory, "no host memory for a session");
  cudaError_t error = cudaStreamCreateWithFlags(&opened->main, cudaStreamNonBlocking);
  if (error == cudaSuccess)
    error = cudaStreamCreateWithFlags(&opened->recorder, cudaStreamNonBlocking);
  opened->stream.handle = opened->main;
  if (error == cudaSuccess)
    error = make_pool(&opened->memory);
  if (error == cudaSuccess)
    error = opened->staging.open();
  if (error == cudaSuccess)
    error = cuda::find_wgmma(opened->main);
  if (error != cudaSuccess) {
    close(opened);
    return status_of(error, "opening of a session");
  }
  *session = opened;
  return success;
}

cudaError_t take_memory(CudaSession *session, size_t bytes, void **memory) {
  if (!session->memory)
    return cudaMalloc(memory, bytes);
  const cudaStream_t stream = session->main;
  cudaError_t error = cudaMallocFromPoolAsync(memory, bytes, session->memory, stream);
  if (error != cudaErrorMemoryAllocation)
    return error;
  // What the pool keeps may be in pieces that are too small.
  cudaGetLastError();
  error = cudaStreamSynchronize(stream);
  if (error == cudaSuccess)
    error = cudaMemPoolTrimTo(session->memory, 0);
  return error != cudaSuccess ? error
                              : cudaMallocFromPoolAsync(memory, bytes, session->memory, stream);
}

void release(CudaSession *session, uint8_t *start) {
  cudaSetDevice(ordinal);
  // Both come after what still uses it.
  if (session->memory)
    cudaFreeAsync(start, session->main);
  else
    cudaFree(start);
  cudaGetLastError();
}

CudaStatus allocate(CudaSession *session, size_t bytes, uint8_t **start) {
  *start = nullptr;
  void *memory = nullptr;
  cudaError_t error = cudaSetDevice(ordinal);
  if (error == cudaSuccess)
    error = take_memory(session, bytes, &memory);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    size_t free_bytes = 0, total_bytes = 0;
    cudaMemGetInfo(&free_bytes, &total_bytes);
    return status(CudaCode::out_of_memory, "%zu free of %zu bytes", free_bytes, total_bytes);
  }
  if (error == cudaSuccess) {
    error = cudaMemsetAsync(memory, 0, bytes, session->main);
    if (error == cudaSuccess)
      *start = static_cast<uint8_t *>(memory);
    else
      release(session, static_cast<uint8_t *>(memory));
  }
  return status_of(error, "allocation");
}

CudaStatus begin_recording(CudaSession *session) {
  cudaError_t error = cudaSetDevice(ordinal);
  if (error == cudaSuccess)
    error = cudaStreamBeginCapture(session->recorder, cudaStreamCaptureModeThreadLocal);
  if (error == cudaSuccess)
    session->stream.handle = session->recorder;
  return status_of(error, "begin of a recording");
}

CudaStatus end_recording(CudaSession *session, CudaRecording **recording) {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t ready = nullptr;
  cudaError_t error = cudaStreamEndCapture(session->recorder, &graph);
  session->stream.handle = session->main;
  if (!recording) { // dropped, with what failed in it
    session->stream.error = cudaSuccess;
    if (graph)
      cudaGraphDestroy(graph);
    cudaGetLastError();
    return success;
  }
  *recording = nullptr;
  if (session->stream.error != cudaSuccess) {
    error = session->stream.error;
    session->stream.error = cudaSuccess;
  }
  if (error == cudaSuccess)
    error = cudaGraphInstantiate(&ready, graph, 0);
  if (graph)
    cudaGraphDestroy(graph);
  if (error == cudaSuccess) {
    *recording = new (std::nothrow) CudaRecording{ready};
    if (!*recording) {
      cudaGraphExecDestroy(ready);
      return status(CudaCode::out_of_memory, "no host memory for a recording");
    }
  }
  return status_of(error, "recording");
}

CudaStatus replay(CudaSession *session, CudaRecording *recording) {
  cudaError_t error = cudaSetDevice(ordinal);
  if (error == cudaSuccess)
    error = cudaGraphLaunch(recording->graph, session->main);
  return status_of(error, "replay");
}

void forget(CudaSession *session, CudaRecording *recording) {
  cudaSetDevice(ordinal);
  cudaStreamSynchronize(session->main);
  cudaGraphExecDestroy(recording->graph);
  cudaGetLastError();
  delete recording;
}

CudaStatus finish(CudaSession *session) {
  cuda::Stream &stream = session->stream;
  if (stream.error != cudaSuccess) {
    const cudaError_t error = stream.error;
    stream.error = cudaSuccess;
    return status_of(error, stream.failed_kernel);
  }
  cudaError_t error = cudaSetDevice(ordinal);
  if (error == cudaSuccess)
    error = cudaStreamSynchronize(session->main);
  return status_of(error, "the kernels of a run");
}

CudaStatus write(CudaSession *session, uint8_t *to, const void *from, size_t bytes) {
  cudaError_t error = cudaSetDevice(ordinal);
  if (error == cudaSuccess)
    error = session->staging.write(session->main, to, from, bytes);
  return status_of(error, "write");
}

CudaStatus read(CudaSession *session, void *to, const uint8_t *from, size_t bytes) {
  cudaError_t error = cudaSetDevice(ordinal);
  if (error == cudaSuccess)
    error = session->staging.read(session->main, to, from, bytes);
  return status_of(error, "read");
}

CudaStatus copy_rows(CudaSession *session, uint8_t *to, const uint8_t *from, size_t rows,
                     size_t row_bytes, size_t stride) {
  cudaError_t error = cudaSetDevice(ordinal);
  if (error == cudaSuccess)
    error = rows == 1 ? cudaMemcpyAsync(to, from, row_bytes, cudaMemcpyDeviceToDevice,
                                        session->stream.handle)
                      : cudaMemcpy2DAsync(to, row_bytes, from, stride, row_bytes, rows,
                                          cudaMemcpyDeviceToDevice, session->stream.handle);
  return status_of(error, "copy");
}

Pool *pool(CudaSession *session) { return &session->stream; }

constexpr CudaLibrary library = {TUBELET_CUDA_ABI,
                                 TUBELET_CUDA_ARCHITECTURES,
                                 describe,
                                 open,
                                 close,
                                 allocate,
                                 release,
                                 write,
                                 read,
                                 copy_rows,
                                 begin_recording,
                                 end_recording,
                                 replay,
                                 forget,
                                 finish,
                                 pool,
                                 cuda::kernels_of};

} // namespace

extern "C" __attribute__((visibility("default"))) const CudaLibrary *
tubelet_cuda_entry(uint32_t abi, uint32_t *library_abi) {
  *library_abi = TUBELET_CUDA_ABI;
  return abi == TUBELET_CUDA_ABI ? &library : nullptr;
}

} // namespace tubelet
