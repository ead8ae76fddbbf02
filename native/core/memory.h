// A block of zeroed memory, 64-byte aligned, owned by one object: the host's or a device's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace tubelet {

struct Pool;

class Memory {
public:
  using Release = void (*)(void *allocator, uint8_t *start);

  Memory() = default;
  /// Takes over a block of another allocator.
  Memory(uint8_t *start, size_t bytes, void *allocator, Release release)
      : start(start), length(bytes), allocator(allocator), release(release) {}
  /// Of the host. Throws Error out_of_memory with the bytes asked for. 0 bytes is an empty block.
  static Memory allocate(size_t bytes, const char *purpose);
  Memory(Memory &&other) noexcept { *this = std::move(other); }
  Memory &operator=(Memory &&other) noexcept {
    std::swap(start, other.start);
    std::swap(length, other.length);
    std::swap(allocator, other.allocator);
    std::swap(release, other.release);
    return *this;
  }
  ~Memory();

  uint8_t *data() const { return start; }
  size_t bytes() const { return length; }

private:
  uint8_t *start = nullptr;
  size_t length = 0;
  void *allocator = nullptr;
  Release release = nullptr; ///< null: the host's
};

/// Blocks of the host that stay long, side by side in large mappings: their pages are huge, and none is
/// left half empty. A mapping is released with the last of its blocks.
class Slabs {
public:
  /// The pool's threads touch the pages, each its own: two that fault on one huge page both zero it.
  Memory allocate(size_t bytes, const char *purpose, Pool &pool);

private:
  std::weak_ptr<Memory> current;
  size_t used = 0, touched = 0;
};

} // namespace tubelet
