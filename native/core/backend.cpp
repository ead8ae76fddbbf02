#include "core/backend.h"

#include <cstring>
#include <mutex>

namespace tubelet {
namespace {

std::mutex registry_mutex;
std::vector<BackendKind> registry;

} // namespace

Memory Backend::allocate(size_t bytes, const char *purpose) {
  return Memory::allocate(bytes, purpose);
}

void Backend::write(uint8_t *to, const void *from, size_t bytes) { std::memcpy(to, from, bytes); }

void Backend::read(void *to, const uint8_t *from, size_t bytes) { std::memcpy(to, from, bytes); }

void Backend::copy_rows(uint8_t *to, const uint8_t *from, size_t rows, size_t row_bytes,
                        size_t stride) {
  for (size_t row = 0; row < rows; row++)
    std::memcpy(to + row * row_bytes, from + row * stride, row_bytes);
}

Memory Backend::place(Memory made, const char *purpose) {
  if (is_host() || made.bytes() == 0)
    return made;
  Memory placed = allocate(made.bytes(), purpose);
  write(placed.data(), made.data(), made.bytes());
  return placed;
}

const char *name_of(Precision precision) {
  static constexpr const char *names[precision_count] = {"f32", "bf16", "int8"};
  return names[int(precision)];
}

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
