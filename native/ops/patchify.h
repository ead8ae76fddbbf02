// Latents of many requests to packed tokens: each patch of pt x ph x pw latents becomes a token
// (patch embedding of ViT, Dosovitskiy et al. 2020; in three dims ViViT, Arnab et al. 2021).
//   latents   f32 [E]; those of a segment are [C, F, H, W] from its elementStart on
//   geometry  i32 [S, 5]: elementStart, tokenStart, F, H, W in latent units, multiples of the patch
//   -> y      f32 [T, C·pt·ph·pw], T as declared; the tokens of a segment run over t, h, w from its
//             tokenStart on; a token of no segment is 0
// order of a token's elements: channel_first = (c, t, h, w), channel_last = (t, h, w, c).
// Token ranges of segments do not overlap. A segment without elements (a size 0) is allowed.
#pragma once

#include "ops/patch_geometry.h"

namespace tubelet {

struct Patchify {
  enum Input { latents, geometry };
  static constexpr InputSpec inputs[] = {{"latents"}, {"geometry", InputKind::index}};

  using Attributes = PatchAttributes;

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  static Cost cost(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
  static void check_data(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
};

} // namespace tubelet
