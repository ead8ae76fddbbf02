#include "ops/activation.h"

namespace tubelet {

Shape Activation::output_shape(const NodeTypes &node, const Attributes &) { return node[x].shape; }

Cost Activation::cost(const Tensor *, const Tensor &output, const Attributes &) {
  const double elements = elements_of(output);
  return {10 * elements, 8 * elements};
}

} // namespace tubelet
