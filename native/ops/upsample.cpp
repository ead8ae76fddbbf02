#include "ops/upsample.h"

namespace tubelet {

Shape Upsample::output_shape(const NodeTypes &node, const Attributes &attributes) {
  require_rank(node, x, inputs[x], 4);
  require_fixed(node, x, inputs[x]);
  const Shape &in = node[x].shape;
  return {require_product(node, "output frames", {in[0], attributes.factor_t}),
          require_product(node, "output height", {in[1], attributes.factor_h}),
          require_product(node, "output width", {in[2], attributes.factor_w}), in[3]};
}

Cost Upsample::cost(const Tensor *inputs, const Tensor &output, const Attributes &) {
  return {0, bytes_of_all(inputs, x + 1) + 4 * elements_of(output)};
}

} // namespace tubelet
