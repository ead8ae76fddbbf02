#pragma once

#include "binding/arguments.h"
#include "binding/device.h"
#include "core/buffer.h"

namespace tubelet::binding {

/// Owns its bytes, which its views, and jobs already queued, share until they are done.
class JsBuffer : public Napi::ObjectWrap<JsBuffer>, public Child {
public:
  static constexpr const char *op = "buffer";
  static constexpr Kind kind = Kind::buffer;
  static Napi::Function define(Napi::Env env);
  explicit JsBuffer(const Napi::CallbackInfo &info);
  ~JsBuffer() override { release(); }

  void release() override;
  const std::shared_ptr<Buffer> &opened() const;
  const OpenDevice *device() const { return owner.get(); }

private:
  Napi::Value bytes(const Napi::CallbackInfo &info);
  Napi::Value is_read_only(const Napi::CallbackInfo &info);
  Napi::Value write(const Napi::CallbackInfo &info);
  Napi::Value read(const Napi::CallbackInfo &info);
  Napi::Value view_of(const Napi::CallbackInfo &info);
  Napi::Value dispose(const Napi::CallbackInfo &info);

  std::shared_ptr<OpenDevice> owner; ///< null once released
  std::shared_ptr<Buffer> core;
  int64_t external_bytes = 0;
};

/// The buffer in an argument, which must be open and of this device.
std::shared_ptr<Buffer> buffer_of(const Argument &argument, Napi::Value value,
                                  const OpenDevice *device);

} // namespace tubelet::binding
