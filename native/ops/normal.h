// Standard normal numbers from a counter: element i depends on key and i alone, and has the same
// bits on every machine.
//   key   i32 [4]: seed low, seed high, stream, first
//   -> y  f32 [E], E as declared; y[i] is number first + i of the stream (first read as unsigned)
// Number n takes lane n mod 4 of Philox4x32-10 (Salmon et al. 2011) with key (seed low, seed high)
// and counter (n/4 low, n/4 high, stream, 0). Lanes 0, 1 and lanes 2, 3 are pairs (a, b) of one
// Box-Muller transform: u = (a + 1/2)·2^-32, v = b·2^-32, lanes sqrt(-2 ln u)·cos 2πv and
// sqrt(-2 ln u)·sin 2πv, in double by our own ln, cos, sin, then rounded to float32.
#pragma once

#include "ops/op.h"

namespace tubelet {

struct Normal {
  enum Input { key };
  static constexpr InputSpec inputs[] = {{"key", InputKind::index}};

  struct Attributes {
    template <class Visitor> void visit(Visitor &) {}
  };

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static Cost cost(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
};

} // namespace tubelet
