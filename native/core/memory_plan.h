// Places blocks that live for a known range of nodes into one arena, without overlap in time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tubelet {

struct ArenaBlock {
  size_t bytes = 0;
  int first_node = 0; ///< inclusive, like last_node
  int last_node = 0;
  size_t offset = 0; ///< set by place_blocks
};

constexpr size_t arena_alignment = 64;

/// Largest first, each at the lowest offset that is free while it lives. Returns the arena's bytes.
size_t place_blocks(std::vector<ArenaBlock> &blocks);

} // namespace tubelet
