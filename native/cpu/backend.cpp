#include "cpu/backend.h"

#include "core/backend.h"
#include "cpu/isa.h"
#include "cpu/pool.h"

#include <algorithm>

namespace tubelet {
namespace {

constexpr int most_threads = 1024;

class CpuBackend : public Backend {
public:
  CpuBackend(int threads, const std::vector<IsaLevel> &levels)
      : threads(threads), level(levels.front().name), by_op(op_table().size()) {
    for (const IsaLevel &isa : levels)
      for (size_t op = 0; op < by_op.size(); op++)
        if (const KernelList *list = isa.kernels[op])
          by_op[op].insert(by_op[op].end(), list->kernels, list->kernels + list->count);
  }

  const std::string &isa() const override { return level; }
  Pool &pool() override { return threads; }
  const std::vector<const Kernel *> &kernels(OpId op) const override { return by_op[size_t(op)]; }

private:
  ThreadPool threads;
  std::string level;
  std::vector<std::vector<const Kernel *>> by_op;
};

int available_threads() { return std::max(1, int(std::thread::hardware_concurrency())); }

/// The levels this machine runs, from the asked one down.
std::vector<IsaLevel> usable_levels(const std::string &highest) {
  std::vector<IsaLevel> usable;
  std::string known;
  bool is_reached = highest.empty();
  for (const IsaLevel &level : isa_levels()) {
    known += (known.empty() ? "" : ", ") + std::string(level.name);
    if (level.name == highest) {
      is_reached = true;
      if (!level.refused.empty())
        throw Error(ErrorCode::unsupported, "device",
                    "isa must be = one this machine runs, got \"" + highest +
                        "\": " + level.refused);
    }
    if (is_reached && level.refused.empty())
      usable.push_back(level);
  }
  if (!is_reached)
    throw Error(ErrorCode::unsupported, "device",
                "isa must be one of = " + known + ", got \"" + highest + '"');
  return usable;
}

std::unique_ptr<Backend> open_cpu(const DeviceOptions &options) {
  if (options.threads < 0 || options.threads > most_threads)
    throw Error(ErrorCode::bad_input, "device",
                "threads must be = 0 (all) to " + std::to_string(most_threads) + ", got " +
                    std::to_string(options.threads));
  int threads = options.threads ? options.threads : available_threads();
  return std::make_unique<CpuBackend>(threads, usable_levels(options.isa));
}

std::string describe_cpu() {
  std::string json =
      "{\"kind\":\"cpu\",\"available\":true,\"threads\":" + std::to_string(available_threads()) +
      ",\"levels\":[";
  bool is_first = true;
  for (const IsaLevel &level : isa_levels()) {
    json += (is_first ? "" : ",") + std::string("{\"isa\":\"") + level.name +
            "\",\"available\":" + (level.refused.empty() ? "true" : "false");
    if (!level.refused.empty())
      json += ",\"reason\":\"" + level.refused + '"';
    json += "}";
    is_first = false;
  }
  return json + "],\"extensions\":" + describe_extensions() + "}";
}

} // namespace

void register_cpu() { register_backend({"cpu", open_cpu, describe_cpu}); }

} // namespace tubelet
