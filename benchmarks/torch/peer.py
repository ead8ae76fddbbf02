"""The work of `npm run bench -- gpu` in PyTorch on the same GPU: writes {work: milliseconds} as JSON to the file named.

python3 peer.py OUT.json [dit|linear|attention|vae ...] [--no-compile]
bfloat16, torch.compile in mode max-autotune (CUDA graphs with it), the best of PyTorch's own attention backends; times by
CUDA events, the median of 50 runs after 10.
"""
import json
import statistics
import sys

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

device, dtype = "cuda", torch.bfloat16


def milliseconds(run, runs=50):
    for _ in range(10):
        run()
    times = []
    for _ in range(runs):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times)


class Block(nn.Module):
    """adaLN-Zero block of facebookresearch/DiT."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width, eps=1e-6, elementwise_affine=False) for _ in range(2))
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.modulation = nn.Linear(width, 6 * width)

    def forward(self, x, c):
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = self.modulation(F.silu(c))[:, None].chunk(6, -1)
        h = self.norms[0](x) * (1 + scale_a) + shift_a
        q, k, v = self.qkv(h).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        h = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + gate_a * self.out(h)
        h = self.norms[1](x) * (1 + scale_m) + shift_m
        return x + gate_m * self.down(F.gelu(self.up(h), approximate="tanh"))


class DiT(nn.Module):
    """DiT-XL/2 on latents of 32 x 32; timestep and label come embedded."""

    def __init__(self, width=1152, depth=28, heads=16, channels=4, patch=2):
        super().__init__()
        self.patch = nn.Conv2d(channels, width, patch, patch)
        self.positions = nn.Parameter(torch.randn(1, 256, width))
        self.time = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.modulation = nn.Linear(width, 2 * width)
        self.head = nn.Linear(width, patch * patch * 2 * channels)

    def forward(self, latents, frequencies, label):
        x = self.patch(latents).flatten(2).transpose(1, 2) + self.positions
        c = self.time(frequencies) + label
        for block in self.blocks:
            x = block(x, c)
        shift, scale = self.modulation(F.silu(c))[:, None].chunk(2, -1)
        x = self.head(self.norm(x) * (1 + scale) + shift).unflatten(1, (16, 16)).unflatten(-1, (2, 2, 8))
        return torch.einsum("nhwpqc->nchpwq", x).flatten(4, 5).flatten(2, 3)


class Residual(nn.Module):
    def __init__(self, channels, out):
        super().__init__()
        self.norms = nn.ModuleList(nn.GroupNorm(32, width, eps=1e-6) for width in (channels, out))
        self.first, self.second = nn.Conv2d(channels, out, 3, padding=1), nn.Conv2d(out, out, 3, padding=1)
        self.shortcut = nn.Conv2d(channels, out, 1) if channels != out else nn.Identity()

    def forward(self, x):
        h = self.second(F.silu(self.norms[1](self.first(F.silu(self.norms[0](x))))))
        return h + self.shortcut(x)


class MiddleAttention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm, self.qkv = nn.GroupNorm(32, channels, eps=1e-6), nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x):
        h = self.norm(x).flatten(2).transpose(1, 2)
        q, k, v = (part[:, None] for part in self.qkv(h).chunk(3, -1))
        h = self.out(F.scaled_dot_product_attention(q, k, v)[:, 0])
        return x + h.transpose(1, 2).unflatten(2, x.shape[2:])


class Upsample(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return self.convolution(F.interpolate(x, scale_factor=2.0, mode="nearest"))


def sd_decoder():
    """The decoder of AutoencoderKL with the widths of Stable Diffusion 1.5."""
    layers = [nn.Conv2d(4, 4, 1), nn.Conv2d(4, 512, 3, padding=1)]
    layers += [Residual(512, 512), MiddleAttention(512), Residual(512, 512)]
    channels = 512
    for level, width in enumerate([512, 512, 256, 128]):
        for _ in range(3):
            layers.append(Residual(channels, width))
            channels = width
        if level < 3:
            layers.append(Upsample(width))
    layers += [nn.GroupNorm(32, 128, eps=1e-6), nn.SiLU(), nn.Conv2d(128, 3, 3, padding=1)]
    return nn.Sequential(*layers)


def measure_dit(compiled):
    model = DiT().to(device, dtype).eval()
    for images in (1, 2, 32):
        torch._dynamo.reset()
        run = compiled(model)
        inputs = [torch.randn(shape, device=device, dtype=dtype) for shape in ((images, 4, 32, 32), (images, 256), (images, 1152))]
        yield f"DiT-XL/2 256 b{images}", milliseconds(lambda: run(*inputs))


def measure_linear(_):
    shapes = [(256, 1152, 3456), (256, 1152, 1152), (256, 1152, 4608), (256, 4608, 1152), (8192, 1152, 4608), (32760, 1536, 8960)]
    for tokens, columns, outputs in shapes:
        x, weight = (torch.randn(shape, device=device, dtype=dtype) for shape in ((tokens, columns), (outputs, columns)))
        yield f"linear {tokens} x {columns} to {outputs}", milliseconds(lambda: F.linear(x, weight))


def measure_attention(_):
    for head_dim in (64, 72, 128):
        for tokens in (256, 1024, 4096, 16384):
            q, k, v = (torch.randn(1, 16, tokens, head_dim, device=device, dtype=dtype) for _ in range(3))
            times = {}
            for backend in (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.EFFICIENT_ATTENTION):
                try:
                    with sdpa_kernel(backend):
                        times[backend.name] = milliseconds(lambda: F.scaled_dot_product_attention(q, k, v))
                except RuntimeError as error:
                    print(f"attention {head_dim}: {backend.name} refused: {str(error).splitlines()[0]}", file=sys.stderr)
            yield f"attention {head_dim}, {tokens} tokens", min(times.values())


def measure_vae(compiled):
    run = compiled(sd_decoder().to(device, dtype, memory_format=torch.channels_last).eval())
    latents = torch.randn(1, 4, 64, 64, device=device, dtype=dtype).to(memory_format=torch.channels_last)
    yield "SD decoder 512", milliseconds(lambda: run(latents))


def main():
    path, *words = sys.argv[1:]
    is_plain = "--no-compile" in words
    parts = {"dit": measure_dit, "linear": measure_linear, "attention": measure_attention, "vae": measure_vae}
    wanted = [word for word in words if word in parts] or list(parts)
    found = {}
    with torch.inference_mode():
        for part in wanted:
            for work, time in parts[part](lambda model: model if is_plain else torch.compile(model, mode="max-autotune")):
                found[work] = time
                print(f"{work}: {time:.3f} ms", flush=True)
                with open(path, "w") as file:
                    json.dump(found, file, indent=1)


if __name__ == "__main__":
    main()
