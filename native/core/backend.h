// What a kind of device implements: kernels by op, and threads to run them on.
#pragma once

#include "core/kernel.h"
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

class Backend {
public:
  virtual ~Backend() = default;
  virtual const std::string &isa() const = 0;
  virtual Pool &pool() = 0;
  /// Implementations of an op, most special first.
  virtual const std::vector<const Kernel *> &kernels(OpId op) const = 0;
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
