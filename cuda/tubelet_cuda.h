// The C interface of libtubelet_cuda, whose one exported symbol gives the table below. Plain data and
// C functions: no exception crosses, nothing is freed on the other side. Both sides are compiled with
// these headers; the ABI number is made of their text, so that a library of another build is refused.
#pragma once

#include "core/kernel.h"

namespace tubelet {

enum class CudaCode : int32_t { ok, out_of_memory, unsupported, failed };

struct CudaStatus {
  CudaCode code;
  char text[500]; ///< for people, where code is not ok
};

struct CudaDevice {
  char name[256];
  int32_t major, minor; ///< compute capability
  int32_t multiprocessors;
  int32_t driver, runtime; ///< CUDA versions: 1000 · major + 10 · minor
  uint64_t total_bytes, free_bytes;
};

/// An opened device: its stream, its memory, and the first launch that failed.
struct CudaSession;

/// Launches and copies in order, as one CUDA graph.
struct CudaRecording;

/// Any thread may call; each call makes the session's device current first.
struct CudaLibrary {
  uint32_t abi;
  const char *architectures; ///< what was compiled, as CMake has it
  CudaStatus (*describe)(CudaDevice *device);
  CudaStatus (*open)(CudaSession **session);
  void (*close)(CudaSession *session);
  /// Zeroed.
  CudaStatus (*allocate)(CudaSession *session, size_t bytes, uint8_t **start);
  void (*release)(CudaSession *session, uint8_t *start);
  /// To and from the host, after the kernels launched before; done when they return.
  CudaStatus (*write)(CudaSession *session, uint8_t *to, const void *from, size_t bytes);
  CudaStatus (*read)(CudaSession *session, void *to, const uint8_t *from, size_t bytes);
  /// Rows `stride` bytes apart to rows without a gap, in order with the kernels.
  CudaStatus (*copy_rows)(CudaSession *session, uint8_t *to, const uint8_t *from, size_t rows,
                          size_t row_bytes, size_t stride);
  /// From begin to end what is launched, and copied by copy_rows, is recorded and not run. On the thread
  /// that began; others may allocate, release, write and read meanwhile. `recording` may be null for one that is
  /// dropped.
  CudaStatus (*begin_recording)(CudaSession *session);
  CudaStatus (*end_recording)(CudaSession *session, CudaRecording **recording);
  CudaStatus (*replay)(CudaSession *session, CudaRecording *recording);
  void (*forget)(CudaSession *session, CudaRecording *recording);
  /// Waits for all launched; tells the first failure since the last call.
  CudaStatus (*finish)(CudaSession *session);
  /// What kernels are run with; they launch and return.
  Pool *(*pool)(CudaSession *session);
  /// By position in ops.def; null for an op without kernels.
  const KernelList *(*kernels)(int op);
};

/// Null when `abi` is not the library's own, which it tells in either case.
using CudaEntry = const CudaLibrary *(*)(uint32_t abi, uint32_t *library_abi);
constexpr const char *cuda_entry_name = "tubelet_cuda_entry";

} // namespace tubelet
