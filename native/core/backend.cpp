#include "core/backend.h"

#include <mutex>

namespace tubelet {
namespace {

std::mutex registry_mutex;
std::vector<BackendKind> registry;

} // namespace

void register_backend(const BackendKind &kind) {
  std::lock_guard lock(registry_mutex);
  for (const BackendKind &known : registry)
    if (std::string_view(known.name) == kind.name)
      return;
  registry.push_back(kind);
}

std::vector<BackendKind> backend_kinds() {
  std::lock_guard lock(registry_mutex);
  return registry;
}

std::string describe_devices() {
  std::string json = "[";
  for (const BackendKind &kind : backend_kinds())
    json += (json.size() > 1 ? "," : "") + kind.describe();
  return json + "]";
}

} // namespace tubelet
