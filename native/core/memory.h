// A block of zeroed memory, 64-byte aligned, owned by one object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace tubelet {

class Memory {
public:
  Memory() = default;
  /// Throws Error out_of_memory with the bytes asked for. 0 bytes is an empty block.
  static Memory allocate(size_t bytes, const char *purpose);
  Memory(Memory &&other) noexcept { *this = std::move(other); }
  Memory &operator=(Memory &&other) noexcept {
    std::swap(start, other.start);
    std::swap(length, other.length);
    return *this;
  }
  ~Memory();

  uint8_t *data() const { return start; }
  size_t bytes() const { return length; }

private:
  uint8_t *start = nullptr;
  size_t length = 0;
};

} // namespace tubelet
