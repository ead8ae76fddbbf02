#include "core/memory_plan.h"

#include <algorithm>
#include <numeric>

namespace tubelet {
namespace {

size_t aligned(size_t bytes) { return (bytes + arena_alignment - 1) & ~(arena_alignment - 1); }

bool overlap_in_time(const ArenaBlock &a, const ArenaBlock &b) {
  return a.first_node <= b.last_node && b.first_node <= a.last_node;
}

} // namespace

size_t place_blocks(std::vector<ArenaBlock> &blocks) {
  std::vector<size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return blocks[a].bytes > blocks[b].bytes; });

  std::vector<const ArenaBlock *> placed; // by offset
  size_t total = 0;
  for (size_t index : order) {
    ArenaBlock &block = blocks[index];
    size_t offset = 0;
    for (const ArenaBlock *other : placed) {
      if (!overlap_in_time(block, *other))
        continue;
      if (offset + aligned(block.bytes) <= other->offset)
        break;
      offset = std::max(offset, other->offset + aligned(other->bytes));
    }
    block.offset = offset;
    total = std::max(total, offset + aligned(block.bytes));
    auto after = std::upper_bound(
        placed.begin(), placed.end(), offset,
        [](size_t value, const ArenaBlock *other) { return value < other->offset; });
    placed.insert(after, &block);
  }
  return total;
}

} // namespace tubelet
