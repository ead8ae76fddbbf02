// The library's entry: device, memory and stream behind the table of tubelet_cuda.h.
#include "tubelet_cuda.h"

#include "kernel_support.h"
#include "probe.h"
#include "table.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <new>

namespace tubelet {

struct CudaSession {
  cuda::Stream stream;
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

CudaStatus open(CudaSession **session) {
  *session = nullptr;
  CudaStatus usable = use_device();
  if (usable.code != CudaCode::ok)
    return usable;
  auto *opened = new (std::nothrow) CudaSession{{{1, run_in_order}, nullptr, nullptr, cudaSuccess}};
  if (!opened)
    return status(CudaCode::out_of_memory, "no host memory for a session");
  if (cudaError_t error =
          cudaStreamCreateWithFlags(&opened->stream.handle, cudaStreamNonBlocking)) {
    delete opened;
    return status_of(error, "stream");
  }
  *session = opened;
  return success;
}

void close(CudaSession *session) {
  cudaSetDevice(ordinal);
  cudaStreamDestroy(session->stream.handle);
  cudaGetLastError();
  delete session;
}

CudaStatus allocate(CudaSession *session, size_t bytes, uint8_t **start) {
  *start = nullptr;
  void *memory = nullptr;
  cudaError_t error = cudaSetDevice(ordinal);
  if (error == cudaSuccess)
    error = cudaMalloc(&memory, bytes);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    size_t free_bytes = 0, total_bytes = 0;
    cudaMemGetInfo(&free_bytes, &total_bytes);
    return status(CudaCode::out_of_memory, "%zu free of %zu bytes", free_bytes, total_bytes);
  }
  if (error == cudaSuccess) {
    error = cudaMemsetAsync(memory, 0, bytes, session->stream.handle);
    if (error == cudaSuccess)
      *start = static_cast<uint8_t *>(memory);
    else
      cudaFree(memory);
  }
  return status_of(error, "allocation");
}

void release(CudaSession *, uint8_t *start) {
  cudaSetDevice(ordinal);
  cudaFree(start); // waits for what still uses it
  cudaGetLastError();
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
    error = cudaStreamSynchronize(stream.handle);
  return status_of(error, "the kernels of a run");
}

CudaStatus transfer(CudaSession *session, void *to, const void *from, size_t bytes,
                    cudaMemcpyKind kind) {
  cudaError_t error = cudaSetDevice(ordinal);
  if (error == cudaSuccess)
    error = cudaMemcpyAsync(to, from, bytes, kind, session->stream.handle);
  if (error == cudaSuccess)
    error = cudaStreamSynchronize(session->stream.handle);
  return status_of(error, kind == cudaMemcpyHostToDevice ? "write" : "read");
}

CudaStatus write(CudaSession *session, uint8_t *to, const void *from, size_t bytes) {
  return transfer(session, to, from, bytes, cudaMemcpyHostToDevice);
}

CudaStatus read(CudaSession *session, void *to, const uint8_t *from, size_t bytes) {
  return transfer(session, to, from, bytes, cudaMemcpyDeviceToHost);
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
