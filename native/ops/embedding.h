// Rows of a table: y[t] = table[ids[t]].
//   ids    i32 [T], 0 <= id < V
//   table  f32, f16 or bf16 [V, D]; read as it is stored, never converted as a whole
//   -> y   f32 [T, D]
#pragma once

#include "ops/op.h"

namespace tubelet {

struct Embedding {
  enum Input { ids, table };
  static constexpr InputSpec inputs[] = {{"ids", InputKind::index}, {"table", InputKind::weight}};

  struct Attributes {
    template <class Visitor> void visit(Visitor &) {}
  };

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static Cost cost(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
  static void check_data(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
};

} // namespace tubelet
