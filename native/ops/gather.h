// Rows by their numbers: y[t] = x[index[t]], the rows of all x being numbered one after another. Puts
// tokens of several tensors in one order (text and image, a class token before patches), and takes
// single rows out.
//   index  i32 [T], 0 <= index < A0 + A1 + …
//   x...   f32 [A0, D], [A1, D], … last axis may be a slice
//   -> y   f32 [T, D], no alias
#pragma once

#include "ops/op.h"

namespace tubelet {

struct Gather {
  enum Input { index, x };
  static constexpr InputSpec inputs[] = {{"index", InputKind::index}, {"x"}};
  static constexpr bool is_variadic = true;

  struct Attributes {
    template <class Visitor> void visit(Visitor &) {}
  };

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static Cost cost(const Tensor *inputs, int input_count, const Tensor &output,
                   const Attributes &attributes);
  static void check_data(const Tensor *inputs, int input_count, const Tensor &output,
                         const Attributes &attributes);
};

} // namespace tubelet
