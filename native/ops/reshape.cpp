#include "ops/reshape.h"

namespace tubelet {

Shape Reshape::output_shape(const NodeTypes &node, const Attributes &) {
  const Shape &from = node[x].shape, &to = node.declared_outputs[0].shape;
  bool is_symbolic = from.is_symbolic() || to.is_symbolic();
  bool fits = is_symbolic ? from[0] == to[0] && from.elements(1) == to.elements(1)
                          : from.elements() == to.elements();
  if (!fits)
    fail_shape(node, "elements must be", "those of x " + from.text(), to.text());
  return to;
}

ViewPlacement Reshape::place(const Shape &, int64_t, const Attributes &) {
  return {.offset = 0, .keeps_row_stride = false, .needs_contiguous = true};
}

} // namespace tubelet
