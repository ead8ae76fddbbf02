#pragma once

#include "binding/addon.h"
#include "binding/queue.h"
#include "core/device.h"

#include <unordered_set>

namespace tubelet::binding {

/// A Buffer or Plan: something its device closes.
class Child {
public:
  virtual ~Child() = default;
  /// Idempotent; called by dispose(), by the device that closes, and by the finaliser.
  virtual void release() = 0;
};

/// An open device as everything made by it shares it: it stays open until it is disposed, or until
/// its Device, Buffers, Plans and unsettled promises are all gone.
class OpenDevice {
public:
  OpenDevice(Napi::Env env, std::shared_ptr<Device> core);
  ~OpenDevice() { close(); }
  OpenDevice(const OpenDevice &) = delete;

  void close();
  const std::shared_ptr<Device> &device() const;
  void add(Child *child) { children.insert(child); }
  void remove(Child *child) { children.erase(child); }

  const std::shared_ptr<Queue> queue;

private:
  std::shared_ptr<Device> core;
  std::unordered_set<Child *> children;
};

/// Owns its share of an OpenDevice; disposing it closes every Buffer and Plan made by it.
class JsDevice : public Napi::ObjectWrap<JsDevice> {
public:
  static constexpr const char *op = "device";
  static constexpr Kind kind = Kind::device;
  static Napi::Function define(Napi::Env env);
  explicit JsDevice(const Napi::CallbackInfo &info);

private:
  Napi::Value kind_name(const Napi::CallbackInfo &info);
  Napi::Value threads(const Napi::CallbackInfo &info);
  Napi::Value isa(const Napi::CallbackInfo &info);
  Napi::Value bytes_in_use(const Napi::CallbackInfo &info);
  Napi::Value allocate(const Napi::CallbackInfo &info);
  Napi::Value map(const Napi::CallbackInfo &info);
  Napi::Value compile(const Napi::CallbackInfo &info);
  Napi::Value preview(const Napi::CallbackInfo &info);
  Napi::Value dispose(const Napi::CallbackInfo &info);

  const std::shared_ptr<OpenDevice> &opened() const;

  std::shared_ptr<OpenDevice> owner; ///< null once disposed
};

} // namespace tubelet::binding
