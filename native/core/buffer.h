// Bytes on a device: allocated and writable, a view of such, or a file mapped read-only. Keeps its
// device alive.
#pragma once

#include "core/device.h"

#include <memory>
#include <string>

namespace tubelet {

class Buffer {
public:
  static std::shared_ptr<Buffer> allocate(std::shared_ptr<Device> device, size_t bytes);
  /// Throws Error io with the reason of the system.
  static std::shared_ptr<Buffer> map(std::shared_ptr<Device> device, const std::string &path);
  /// `bytes` of a writable buffer from `offset` on, sharing its memory and keeping it alive.
  static std::shared_ptr<Buffer> view(std::shared_ptr<Buffer> parent, size_t offset, size_t bytes);
  ~Buffer();

  size_t bytes() const { return length; }
  bool is_read_only() const { return is_mapped; }
  /// Unique for the life of the process; part of the key of packed weights.
  uint64_t id() const { return identity; }
  /// On the device; a mapped file's on the host.
  uint8_t *data() const { return start; }
  void write(size_t offset, const void *from, size_t count);
  void read(size_t offset, void *to, size_t count) const;
  /// Lets the system drop whole pages of a mapped file; they are read again when touched.
  void release_pages(size_t offset, size_t count) const;

private:
  Buffer(std::shared_ptr<Device> device);
  void require_range(const char *what, size_t offset, size_t count) const;

  std::shared_ptr<Device> device;
  std::shared_ptr<Buffer> parent; ///< of a view
  Memory memory;
  uint8_t *start = nullptr;
  size_t length = 0;
  bool is_mapped = false;
  uint64_t identity;
};

} // namespace tubelet
