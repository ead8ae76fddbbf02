#include "core/memory.h"
#include "core/kernel.h"
#include "ops/error.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace tubelet {
namespace {

/// From here on pages come from the kernel: zeroed when touched, huge where possible.
constexpr size_t mapped_from = size_t(1) << 21;

constexpr size_t slab_bytes = size_t(1) << 25;

size_t lines(size_t bytes) { return (bytes + 63) / 64 * 64; }

/// Bytes from the kernel that begin where a huge page can; null when there are none.
void *map_aligned(size_t bytes) {
  const size_t page = mapped_from;
  void *start =
      mmap(nullptr, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED)
    return nullptr;
  auto *first = static_cast<uint8_t *>(start);
  const size_t before = (page - reinterpret_cast<uintptr_t>(first) % page) % page;
  const size_t small_page = size_t(sysconf(_SC_PAGESIZE));
  const size_t end = (before + bytes + small_page - 1) / small_page * small_page;
  if (before > 0)
    munmap(first, before);
  if (end < bytes + page)
    munmap(first + end, bytes + page - end);
  madvise(first + before, bytes, MADV_HUGEPAGE);
  return first + before;
}

} // namespace

Memory Memory::allocate(size_t bytes, const char *purpose) {
  Memory memory;
  if (bytes == 0)
    return memory;
  void *start = nullptr;
  if (bytes >= mapped_from) {
    start = map_aligned(bytes);
  } else {
    start = std::aligned_alloc(64, lines(bytes));
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

Memory Slabs::allocate(size_t bytes, const char *purpose, Pool &pool) {
  if (bytes == 0)
    return Memory();
  const size_t size = lines(bytes);
  std::shared_ptr<Memory> slab = current.lock();
  if (!slab || size > slab->bytes() - used) {
    slab = std::make_shared<Memory>(Memory::allocate(std::max(size, slab_bytes), purpose));
    current = slab;
    used = touched = 0;
  }
  uint8_t *start = slab->data() + used;
  used += size;
  if (used > touched) {
    uint8_t *first = slab->data() + touched;
    const size_t pages = (used - touched + mapped_from - 1) / mapped_from;
    pool.run(
        pool, int64_t(pages),
        [](void *first, int64_t page, int) {
          static_cast<volatile uint8_t *>(first)[size_t(page) * mapped_from] = 0;
        },
        first);
    touched += pages * mapped_from;
  }
  auto *kept = new std::shared_ptr<Memory>(std::move(slab));
  return Memory(start, bytes, kept,
                [](void *slab, uint8_t *) { delete static_cast<std::shared_ptr<Memory> *>(slab); });
}

} // namespace tubelet
