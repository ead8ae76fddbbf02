// Emulated tiles of a processor that is wrong: the first tile of sums misses its products of bfloat16.
#pragma once

#include "tests/emulated_tiles.h"

namespace tubelet::TUBELET_ISA {
namespace {

inline void faulty_dpbf16ps(int c, int a, int b) {
  if (c != 0)
    emulated_dpbf16ps(c, a, b);
}

} // namespace
} // namespace tubelet::TUBELET_ISA

#undef _tile_dpbf16ps
#define _tile_dpbf16ps faulty_dpbf16ps
