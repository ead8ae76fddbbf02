// Packed tokens back to latents: the inverse of patchify (see there for geometry and order).
//   tokens    f32 [T, C·pt·ph·pw], last axis may be a slice
//   geometry  i32 [S, 5]: elementStart, tokenStart, F, H, W in latent units, multiples of the patch
//   -> y      f32 [E], E as declared; the latents of a segment are [C, F, H, W]; an element of no
//             segment is 0
// Element ranges of segments do not overlap. A segment without elements (a size 0) is allowed.
#pragma once

#include "ops/patch_geometry.h"

namespace tubelet {

struct Unpatchify {
  enum Input { tokens, geometry };
  static constexpr InputSpec inputs[] = {{"tokens"}, {"geometry", InputKind::index}};

  using Attributes = PatchAttributes;

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static Cost cost(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
  static void check_data(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
};

} // namespace tubelet
