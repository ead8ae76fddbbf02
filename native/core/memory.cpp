#include "core/memory.h"
#include "ops/error.h"

#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace tubelet {
namespace {

/// From here on pages come from the kernel: zeroed when touched, huge where possible.
constexpr size_t mapped_from = size_t(1) << 21;

} // namespace

Memory Memory::allocate(size_t bytes, const char *purpose) {
  Memory memory;
  if (bytes == 0)
    return memory;
  void *start = nullptr;
  if (bytes >= mapped_from) {
    start = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
      start = nullptr;
    else
      madvise(start, bytes, MADV_HUGEPAGE);
  } else {
    start = std::aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (start)
      std::memset(start, 0, bytes);
  }
  if (!start)
    throw Error(ErrorCode::out_of_memory, purpose,
                "memory must be available = " + std::to_string(bytes) + " bytes, got none");
  memory.start = static_cast<uint8_t *>(start);
  memory.length = bytes;
  return memory;
}

Memory::~Memory() {
  if (release)
    release(allocator, start);
  else if (length >= mapped_from)
    munmap(start, length);
  else
    std::free(start);
}

} // namespace tubelet
