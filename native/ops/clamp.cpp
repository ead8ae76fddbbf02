#include "ops/clamp.h"

namespace tubelet {

Shape Clamp::output_shape(const NodeTypes &node, const Attributes &attributes) {
  if (attributes.min > attributes.max)
    fail_attribute(node, "attribute min must be", "at most max " + text_of(attributes.max),
                   text_of(attributes.min));
  return node[x].shape;
}

Cost Clamp::cost(const Tensor *, const Tensor &output, const Attributes &) {
  const double elements = elements_of(output);
  return {2 * elements, 8 * elements};
}

} // namespace tubelet
