// What patchify and unpatchify share: attributes and the check of the geometry table.
#pragma once

#include "ops/op.h"

namespace tubelet {

struct PatchAttributes {
  enum class Order { channel_first, channel_last };
  int64_t channels = 1;
  int64_t patch_t = 1, patch_h = 1, patch_w = 1;
  Order order = Order::channel_first;

  template <class Visitor> void visit(Visitor &v) {
    v.field("channels", channels, 1);
    v.field("patchT", patch_t, 1);
    v.field("patchH", patch_h, 1);
    v.field("patchW", patch_w, 1);
    v.field("order", order, {"channel_first", "channel_last"});
  }
};

/// Row of the geometry table.
struct PatchGeometry {
  int32_t element_start, token_start, frames, height, width;
};

/// Elements of a token: C·pt·ph·pw.
int64_t require_patch_elements(const NodeTypes &node, const PatchAttributes &attributes);
/// Every segment inside `elements` latents and `tokens` tokens, whole patches, and apart from the
/// others in what is written: tokens or elements.
enum class PatchSide { tokens, elements };
void require_geometry(std::string_view op, const Tensor &geometry,
                      const PatchAttributes &attributes, int64_t elements, int64_t tokens,
                      PatchSide written);

} // namespace tubelet
