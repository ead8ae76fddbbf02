#include "ops/group_norm.h"

namespace tubelet {

Shape GroupNorm::output_shape(const NodeTypes &node, const Attributes &attributes) {
  require_rank(node, x, inputs[x], 4);
  require_fixed(node, x, inputs[x]);
  const int64_t channels = node[x].shape[3];
  if (channels % attributes.groups != 0)
    fail_shape(node, "x columns must be",
               "a multiple of groups " + std::to_string(attributes.groups),
               std::to_string(channels));
  for (int vector : {weight, bias})
    if (node.has(vector))
      require_shape(node, vector, inputs[vector], {channels});
  return node[x].shape;
}

Cost GroupNorm::cost(const Tensor *inputs, const Tensor &output, const Attributes &) {
  const double elements = elements_of(output);
  return {8 * elements, bytes_of_all(inputs, bias + 1) + 4 * elements};
}

} // namespace tubelet
