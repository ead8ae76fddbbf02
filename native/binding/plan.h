#pragma once

#include "binding/device.h"
#include "core/plan.h"

namespace tubelet::binding {

/// Owns its share of a compiled plan, which runs already queued share until they are done.
class JsPlan : public Napi::ObjectWrap<JsPlan>, public Child {
public:
  static constexpr const char *op = "plan";
  static constexpr Kind kind = Kind::plan;
  static Napi::Function define(Napi::Env env);
  explicit JsPlan(const Napi::CallbackInfo &info);
  ~JsPlan() override { release(); }

  void release() override;

private:
  Napi::Value arena_bytes(const Napi::CallbackInfo &info);
  Napi::Value packed_bytes(const Napi::CallbackInfo &info);
  Napi::Value explain(const Napi::CallbackInfo &info);
  Napi::Value run(const Napi::CallbackInfo &info);
  Napi::Value profile(const Napi::CallbackInfo &info);
  Napi::Value dispose(const Napi::CallbackInfo &info);

  Napi::Value start(const Napi::CallbackInfo &info, bool is_profiled);
  const std::shared_ptr<Plan> &opened() const;

  std::shared_ptr<OpenDevice> owner; ///< null once released
  std::shared_ptr<Plan> core;
  int64_t external_bytes = 0;
};

} // namespace tubelet::binding
