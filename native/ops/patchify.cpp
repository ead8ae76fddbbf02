#include "ops/patchify.h"

namespace tubelet {

Shape Patchify::output_shape(const NodeTypes &node, const Attributes &attributes) {
  require_rank(node, latents, inputs[latents], 1);
  require_rank(node, geometry, inputs[geometry], 2);
  require_shape(node, geometry, inputs[geometry], {node[geometry].shape[0], 5});
  return {declared_dim(node), require_patch_elements(node, attributes)};
}

Cost Patchify::cost(const Tensor *inputs, const Tensor &output, const Attributes &) {
  return {0, bytes_of_all(inputs, geometry + 1) + 4 * elements_of(output)};
}

void Patchify::check_data(const Tensor *inputs, const Tensor &output,
                          const Attributes &attributes) {
  require_geometry("patchify", inputs[geometry], attributes, inputs[latents].shape[0],
                   output.shape[0], PatchSide::tokens);
}

} // namespace tubelet
