// What a kind of device implements: kernels by op, what runs them, and the memory they work on.
#pragma once

#include "core/kernel.h"
#include "core/memory.h"
#include "ops/op.h"

#include <memory>
#include <string>
#include <vector>

namespace tubelet {

struct DeviceOptions {
  std::string kind = "cpu";
  int threads = 0; ///< 0: as many as the process may use
  std::string isa; ///< highest ISA level to use; empty: the best there is
};

/// What a device was given, to be given again; the backend's own.
using Recording = std::shared_ptr<void>;

class Backend {
public:
  virtual ~Backend() = default;
  virtual const std::string &isa() const = 0;
  virtual Pool &pool() = 0;
  /// Implementations of an op, most special first.
  virtual const std::vector<const Kernel *> &kernels(OpId op) const = 0;

  // Memory is the host's unless a backend says otherwise. Transfers come after the kernels given to
  // the pool before them, and have happened when they return; all throw Error.
  virtual bool is_host() const { return true; }
  virtual Memory allocate(size_t bytes, const char *purpose);
  virtual void write(uint8_t *to, const void *from, size_t bytes);
  virtual void read(void *to, const uint8_t *from, size_t bytes);
  /// Within the device: rows that are `stride` bytes apart to rows without a gap. May return early.
  virtual void copy_rows(uint8_t *to, const uint8_t *from, size_t rows, size_t row_bytes,
                         size_t stride);
  /// Whether what is given to the pool and copy_rows can be recorded instead of run, and then replayed as
  /// often as wanted, with the same addresses. Nothing else may be asked of the backend while it records.
  virtual bool can_record() const { return false; }
  virtual void begin_recording() {}
  virtual Recording end_recording() { return nullptr; }
  virtual void drop_recording() {}
  virtual void replay(const Recording &) {}
  /// Returns when the kernels given to the pool have run; throws what went wrong in them.
  virtual void finish() {}

  /// Host bytes to where kernels read them.
  Memory place(Memory made, const char *purpose);
};

/// A kind of device, registered once per process before the first open.
struct BackendKind {
  const char *name;
  std::unique_ptr<Backend> (*open)(const DeviceOptions &options);
  std::string (*describe)(); ///< a JSON object: what was found, and why the rest was not
};

void register_backend(const BackendKind &kind);
std::vector<BackendKind> backend_kinds();

/// A JSON array of every kind's description.
std::string describe_devices();

} // namespace tubelet
