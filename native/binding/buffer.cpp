#include "binding/buffer.h"

#include "binding/entry.h"
#include "binding/errors.h"

#include <cstring>

namespace tubelet::binding {
namespace {

constexpr int64_t view_alignment = 4; ///< of the widest element

/// Bytes between JavaScript and the device's thread. JavaScript may detach an array at any time, so
/// the device's thread never sees its memory: bytes are copied in at the call, out at the end. An idle
/// device needs neither.
struct Staging {
  explicit Staging(size_t count) : memory(new uint8_t[count]), bytes(count) {}
  std::unique_ptr<uint8_t[]> memory;
  size_t bytes;
};

class WriteJob : public Job {
public:
  WriteJob(std::shared_ptr<OpenDevice> owner, std::shared_ptr<Buffer> buffer, size_t offset,
           View from)
      : Job(std::move(owner)), buffer(std::move(buffer)), offset(offset), staging(from.bytes) {
    if (from.bytes > 0)
      std::memcpy(staging.memory.get(), from.data, from.bytes);
  }

  void work() override { buffer->write(offset, staging.memory.get(), staging.bytes); }

private:
  std::shared_ptr<Buffer> buffer;
  size_t offset;
  Staging staging;
};

class ReadJob : public Job {
public:
  ReadJob(std::shared_ptr<OpenDevice> owner, std::shared_ptr<Buffer> buffer, size_t offset,
          Napi::Object target, size_t bytes)
      : Job(std::move(owner)), buffer(std::move(buffer)), offset(offset), staging(bytes),
        target(Napi::Persistent(target)) {}

  void work() override { buffer->read(offset, staging.memory.get(), staging.bytes); }

  Napi::Value result(Napi::Env env) override {
    View to = view({"buffer", "target"}, target.Value());
    if (to.bytes != staging.bytes)
      throw Error(ErrorCode::bad_input, "buffer",
                  "target must be = " + std::to_string(staging.bytes) +
                      " bytes until it is filled, got " + std::to_string(to.bytes));
    if (to.bytes > 0)
      std::memcpy(to.data, staging.memory.get(), to.bytes);
    return env.Undefined();
  }

private:
  std::shared_ptr<Buffer> buffer;
  size_t offset;
  Staging staging;
  Napi::ObjectReference target;
};

Napi::Promise resolved(Napi::Env env) {
  auto deferred = Napi::Promise::Deferred::New(env);
  deferred.Resolve(env.Undefined());
  return deferred.Promise();
}

size_t offset_of(Napi::Value value, const Buffer &buffer, size_t bytes) {
  Argument argument{"buffer", "offset"};
  int64_t offset = value.IsUndefined() ? 0 : whole_number(argument, value, 0, most_bytes);
  if (bytes > buffer.bytes() || size_t(offset) > buffer.bytes() - bytes)
    throw Error(ErrorCode::bad_input, "buffer",
                "offset and length must be = within " + std::to_string(buffer.bytes()) +
                    " bytes, got " + std::to_string(offset) + " and " + std::to_string(bytes));
  return size_t(offset);
}

} // namespace

Napi::Function JsBuffer::define(Napi::Env env) {
  return DefineClass(env, "Buffer",
                     {getter<JsBuffer, &JsBuffer::bytes>("bytes"),
                      getter<JsBuffer, &JsBuffer::is_read_only>("isReadOnly"),
                      method<JsBuffer, &JsBuffer::write>("write"),
                      method<JsBuffer, &JsBuffer::read>("read"),
                      method<JsBuffer, &JsBuffer::view_of>("view"),
                      method<JsBuffer, &JsBuffer::dispose>("dispose"),
                      dispose_method<JsBuffer, &JsBuffer::dispose>(env)});
}

JsBuffer::JsBuffer(const Napi::CallbackInfo &info) : Napi::ObjectWrap<JsBuffer>(info) {
  guarded(Env(), [&] {
    Instance &instance = Instance::of(Env());
    if (!instance.handoff || !instance.handoff->buffer)
      throw Error(ErrorCode::bad_input, "buffer",
                  "a Buffer must be made by = Device.allocate, Device.map or Buffer.view, got new");
    napi_type_tag tag = instance.tag(Kind::buffer);
    info.This().As<Napi::Object>().TypeTag(&tag);
    owner = instance.handoff->owner;
    core = std::move(instance.handoff->buffer);
    owner->add(this);
    external_bytes = instance.handoff->external_bytes;
    Napi::MemoryManagement::AdjustExternalMemory(Env(), external_bytes);
  });
}

void JsBuffer::release() {
  if (!owner)
    return;
  Napi::MemoryManagement::AdjustExternalMemory(Env(), -external_bytes);
  core.reset();
  owner->remove(this);
  owner.reset();
}

const std::shared_ptr<Buffer> &JsBuffer::opened() const {
  if (!owner)
    throw disposed("buffer");
  return core;
}

Napi::Value JsBuffer::bytes(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), double(opened()->bytes()));
}

Napi::Value JsBuffer::is_read_only(const Napi::CallbackInfo &info) {
  return Napi::Boolean::New(info.Env(), opened()->is_read_only());
}

Napi::Value JsBuffer::write(const Napi::CallbackInfo &info) {
  return promised(Env(), [&] {
    View from = view({"buffer", "data"}, info[0]);
    size_t offset = offset_of(info[1], *opened(), from.bytes);
    if (opened()->is_read_only())
      throw Error(ErrorCode::bad_input, "buffer", "must be = writable, got a mapped file");
    if (owner->queue->is_idle()) {
      core->write(offset, from.data, from.bytes);
      return resolved(Env());
    }
    return owner->queue->push(std::make_unique<WriteJob>(owner, opened(), offset, from));
  });
}

Napi::Value JsBuffer::read(const Napi::CallbackInfo &info) {
  return promised(Env(), [&] {
    View to = view({"buffer", "target"}, info[0]);
    size_t offset = offset_of(info[1], *opened(), to.bytes);
    if (owner->queue->is_idle()) {
      core->read(offset, to.data, to.bytes);
      return resolved(Env());
    }
    return owner->queue->push(
        std::make_unique<ReadJob>(owner, opened(), offset, info[0].As<Napi::Object>(), to.bytes));
  });
}

Napi::Value JsBuffer::view_of(const Napi::CallbackInfo &info) {
  int64_t offset = whole_number({"buffer", "offset"}, info[0], 0, most_bytes);
  int64_t bytes = whole_number({"buffer", "bytes"}, info[1], 0, most_bytes);
  if (offset % view_alignment != 0)
    refuse({"buffer", "offset"}, "a multiple of " + std::to_string(view_alignment), info[0]);
  auto view = Buffer::view(opened(), size_t(offset), size_t(bytes));
  Instance &instance = Instance::of(Env());
  return instance.construct(instance.buffer_class, {owner, std::move(view), nullptr});
}

Napi::Value JsBuffer::dispose(const Napi::CallbackInfo &info) {
  release();
  return info.Env().Undefined();
}

std::shared_ptr<Buffer> buffer_of(const Argument &argument, Napi::Value value,
                                  const OpenDevice *device) {
  auto &wrapped = unwrap<JsBuffer>(argument, value, Kind::buffer, "a Buffer");
  std::shared_ptr<Buffer> core = wrapped.opened();
  if (wrapped.device() != device)
    throw Error(ErrorCode::bad_input, argument.op,
                argument.what + " must be = a Buffer of this device, got one of another");
  return core;
}

} // namespace tubelet::binding
