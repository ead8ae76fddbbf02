// What one loaded copy of the addon keeps in one environment (main thread or worker): nothing is
// static, so copies and threads do not meet.
#pragma once

#include <memory>
#include <napi.h>

namespace tubelet {
class Buffer;
class Plan;
} // namespace tubelet

namespace tubelet::binding {

class OpenDevice;

/// The four classes, for type tags.
enum class Kind : uint64_t { device = 0x7475626c65740001, buffer, graph, plan };

struct Instance {
  Napi::FunctionReference buffer_class;
  Napi::FunctionReference plan_class;

  /// Set only while C++ constructs a Buffer or Plan; their constructors refuse calls without it.
  struct Handoff {
    std::shared_ptr<OpenDevice> owner;
    std::shared_ptr<Buffer> buffer;
    std::shared_ptr<Plan> plan;
    int64_t external_bytes = 0; ///< what collecting it would free, for the garbage collector
  };
  Handoff *handoff = nullptr;

  static Instance &of(Napi::Env env) { return *env.GetInstanceData<Instance>(); }

  /// Unique to this copy in this environment: an object of another copy is foreign.
  napi_type_tag tag(Kind kind) const {
    return {uint64_t(kind), uint64_t(reinterpret_cast<uintptr_t>(this))};
  }

  Napi::Object construct(const Napi::FunctionReference &constructor, Handoff given);
};

} // namespace tubelet::binding
