#include "server/control.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "attach/attachment.h"
#include "attach/store_clock.h"
#include "base/property.h"
#include "base/stats.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "os/clock.h"
#include "os/mapping.h"
#include "os/process.h"
#include "proto/frame.h"
#include "proto/protocol.h"
#include "server/check_job.h"
#include "server/flush_job.h"
#include "server/log.h"
#include "server/record_job.h"
#include "table/geometry.h"
#include "table/properties.h"
#include "table/stats.h"

namespace cubby::server {
namespace {

// A client that takes longer to read its answer has stopped reading it.
constexpr absl::Duration kAnswerTimeout = absl::Seconds(5);
// What a client asks for that does not come back costs writers so long.
constexpr uint64_t kLongestRecordingNs = uint64_t{3600} * 1'000'000'000;
// Bounds the memory for requests that wait. The control channel holds as many unread answers.
constexpr size_t kMaxJobs = 100;

control::Response ErrorResponse(const absl::Status& status) {
  control::Response response;
  response.set_status_code(static_cast<int>(status.code()));
  response.set_status_message(std::string(status.message()));
  return response;
}

bool ReadsEntries(const control::Response& response) {
  return response.has_stats() || response.has_flush() || response.has_check();
}

control::Number::Kind KindOf(NumberKind kind) {
  switch (kind) {
    case NumberKind::kCounter:
      return control::Number::COUNTER;
    case NumberKind::kGauge:
      return control::Number::GAUGE;
    case NumberKind::kUnknown:
      break;
  }
  return control::Number::UNKNOWN;
}

template <typename Stats, size_t kCount>
void AddNumbers(const StatsField<Stats> (&fields)[kCount], const Stats& values,
                control::StatsResponse* stats) {
  for (const StatsField<Stats>& field : fields) {
    control::Number* number = stats->add_numbers();
    number->set_name(field.name);
    number->set_kind(KindOf(field.kind));
    number->set_unit(field.unit);
    number->set_help(field.help);
    number->set_value(values.*field.value);
  }
}

}  // namespace

Control::Control(OwnedStore* store, os::PipeServer* pipe, Jobs* jobs, JobLock* lock,
                 Recorder* recorder)
    : store_(*store),
      pipe_(*pipe),
      jobs_(*jobs),
      lock_(*lock),
      recorder_(*recorder),
      name_(store->name()),
      instance_(table::InstanceOf(store->table().geometry())),
      started_ns_(os::BootNanos()) {}

void Control::Handle(const os::PipeServer::Request& received) {
  // A request that is incomplete here is never completed, so no state is kept between calls.
  proto::FrameDecoder decoder;
  decoder.Append(received.bytes);
  decoder.EndOfInput();
  bool understood = false;
  while (absl::optional<std::string> message = decoder.Next()) {
    control::Request request;
    if (!request.ParseFromString(*message)) {
      ++counts_.rejected_frames;
      continue;
    }
    understood = true;
    HandleOne({received.reply_to, request.request_id()}, request);
  }
  counts_.rejected_frames += decoder.rejected();
  if (!understood) pipe_.Dismiss(received.reply_to);
}

void Control::HandleOne(const Client& client, const control::Request& request) {
  const absl::Status accepted = Accept(request);
  if (!accepted.ok()) return Answer(client, accepted).IgnoreError();
  if (PutsOff(request)) return AskAgain(client);
  control::Response response;
  switch (request.request_case()) {
    case control::Request::kPing:
      response.mutable_ping();
      return Answer(client, std::move(response)).IgnoreError();
    case control::Request::kInfo:
      FillInfo(response.mutable_info());
      return Answer(client, std::move(response)).IgnoreError();
    case control::Request::kStats:
      FillStats(response.mutable_stats());
      return Answer(client, std::move(response)).IgnoreError();
    case control::Request::kFlush:
      return AddJob<FlushJob>(client, request);
    case control::Request::kCheck:
      return AddJob<CheckJob>(client, request);
    case control::Request::kRecord:
      return AddJob<RecordJob>(client, request, &recorder_,
                               absl::Nanoseconds(static_cast<int64_t>(
                                   std::min(request.record().duration_ns(), kLongestRecordingNs))));
    case control::Request::kShutdown:
      if (stopping_ && request.shutdown().keep() != keep_requested_) {
        return Answer(client, Stopping()).IgnoreError();
      }
      keep_requested_ = request.shutdown().keep() && (keep_requested_ || !shutdown_requested_);
      shutdown_requested_ = true;
      shutdowns_.push_back(client);
      return;
    case control::Request::kReplace:
      if (successor_.has_value()) {
        return Answer(client, absl::AlreadyExistsError("another cubbyd is about to take it over"))
            .IgnoreError();
      }
      successor_ = Successor{client, request.deadline_ns()};
      return;
    case control::Request::REQUEST_NOT_SET:
      break;
  }
  Answer(client, absl::UnimplementedError(
                     absl::StrCat("cubbyd ", base::kVersion,
                                  " does not know this request: use the same cubby version as its "
                                  "cubbyd")))
      .IgnoreError();
}

bool Control::PutsOff(const control::Request& request) const {
  if (handing_over_) return true;
  return successor_.has_value() && (request.has_flush() || request.has_check());
}

void Control::AskAgain(const Client& client) {
  control::Response response = ErrorResponse(absl::UnavailableError(
      absl::StrCat("the daemon of store '", name_, "' is being replaced: try again")));
  response.set_ask_again(true);
  Send(client, std::move(response)).IgnoreError();
}

bool Control::hand_over_due() {
  if (!successor_.has_value()) return false;
  const absl::Status in_time = CheckDeadline(name_, successor_->deadline_ns);
  if (!in_time.ok()) KeepServing(in_time);
  return in_time.ok() && jobs_under_way_ == 0;
}

absl::Status Control::LetSuccessorIn() {
  handing_over_ = true;
  control::Response response;
  response.mutable_replace();
  return Answer(successor_->client, std::move(response));
}

void Control::KeepServing(const absl::Status& why) {
  if (!std::exchange(handing_over_, false)) Answer(successor_->client, why).IgnoreError();
  successor_.reset();
}

absl::Status Control::Accept(const control::Request& request) const {
  if (request.protocol() != proto::kProtocol) {
    return absl::UnimplementedError(absl::StrCat(
        "the request is of control protocol ", request.protocol(), " and the daemon speaks ",
        proto::kProtocol, ": use the same cubby version as its cubbyd"));
  }
  RETURN_IF_ERROR(CheckInstance(request.instance()));
  if (request.has_clock()) {
    RETURN_IF_ERROR(attach::About(
        name_, attach::CompareClocks(attach::OwnBootClock(), {request.clock().offset_ns(),
                                                              request.clock().unix_ahead_ns()})));
  }
  const bool stopping = stopping_ || shutdown_requested_;
  if (stopping && request.request_case() != control::Request::kShutdown) return Stopping();
  return CheckDeadline(name_, request.deadline_ns());
}

absl::Status Control::CheckInstance(const std::string& instance) const {
  if (instance == instance_) return absl::OkStatus();
  // A header that was overwritten or cut off must not keep its daemon from being asked, or ended.
  const os::Mapping* const mapping = stopping_ ? nullptr : &store_.mapping();
  if (mapping != nullptr &&
      instance ==
          (mapping->Truncated() ? "" : table::InstanceIn(mapping->data(), mapping->size()))) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("the daemon that answers serves another store named '", name_, "' (instance ",
                   absl::BytesToHexString(instance_), ", not ", absl::BytesToHexString(instance),
                   "): give the daemon of each /dev/shm a CUBBY_RUNTIME_DIR of its own"));
}

absl::Status Control::Stopping() const {
  return absl::UnavailableError(
      absl::StrCat("the daemon is stopping: start another for store '", name_, "' and ask again"));
}

template <typename KindOfJob, typename... More>
void Control::AddJob(const Client& client, const control::Request& request, More... more) {
  if (jobs_under_way_ >= kMaxJobs) {
    return Answer(client, absl::UnavailableError(absl::StrCat(
                              "the daemon of store '", name_, "' has ", kMaxJobs,
                              " flushes and checks under way, the limit: try again later")))
        .IgnoreError();
  }
  ++jobs_under_way_;
  jobs_.Add(std::make_unique<KindOfJob>(
      RequestJob::Context{&store_, &lock_, request.deadline_ns(),
                          [this, client](absl::StatusOr<control::Response> result) {
                            --jobs_under_way_;
                            Answer(client, std::move(result)).IgnoreError();
                          }},
      more...));
}

void Control::Stop(bool keep) {
  stopping_ = true;
  keep_requested_ = keep;
  jobs_.Cancel(Stopping());
  if (successor_.has_value()) KeepServing(Stopping());
}

void Control::ConfirmShutdown() {
  for (const Client& client : shutdowns_) {
    control::Response response;
    response.mutable_shutdown();
    Answer(client, std::move(response)).IgnoreError();
  }
  shutdowns_.clear();
}

absl::Status Control::Answer(const Client& client, absl::StatusOr<control::Response> result) {
  // Checked after the work: the work itself may have touched the missing pages first.
  if (result.ok() && ReadsEntries(*result) && store_.Truncated()) {
    result = absl::DataLossError(absl::StrCat(
        "store '", name_, "' was truncated by another process: restart its cubbyd with --fresh"));
  }
  return Send(client, result.ok() ? *std::move(result) : ErrorResponse(result.status()));
}

absl::Status Control::Send(const Client& client, control::Response response) {
  response.set_protocol(proto::kProtocol);
  response.set_request_id(client.request_id);
  response.set_instance(instance_);
  absl::StatusOr<std::string> frames = proto::EncodeFrames(response.SerializeAsString());
  if (!frames.ok()) pipe_.Dismiss(client.reply_to);
  absl::Status sent = frames.ok()
                          ? pipe_.Answer(client.reply_to, *std::move(frames), kAnswerTimeout)
                          : frames.status();
  if (sent.ok()) {
    ++counts_.requests;
    Log(LogLevel::kDebug, name_,
        absl::StrCat("answered request ", client.request_id, " with code ",
                     response.status_code()));
  } else {
    Log(LogLevel::kWarning, name_, absl::StrCat("an answer was not delivered: ", sent.message()));
  }
  return sent;
}

void Control::FillInfo(control::InfoResponse* info) const {
  info->set_store(name_);
  info->set_version(base::kVersion);
  info->set_pid(os::ProcessId());
  info->set_uptime_seconds(absl::ToDoubleSeconds(absl::Nanoseconds(os::BootNanos() - started_ns_)));
  std::vector<Property> properties = table::Properties(store_.table().geometry());
  properties.push_back(
      {"huge_page_bytes", store_.huge_page_bytes(), "bytes",
       "How much of total_bytes the daemon has found in huge pages, or moved there"});
  for (const Property& property : properties) {
    control::Property* sent = info->add_properties();
    sent->set_name(property.name);
    if (const auto* number = std::get_if<uint64_t>(&property.value)) {
      sent->set_number(*number);
    } else {
      sent->set_text(std::get<std::string>(property.value));
    }
    sent->set_unit(property.unit);
    sent->set_help(property.help);
  }
}

void Control::FillStats(control::StatsResponse* stats) const {
  AddNumbers(kStoreStatsFields, table::ReadStats(store_.table()), stats);
  DaemonCounts counts = counts_;
  counts.rejected_frames += pipe_.rejected();
  AddNumbers(kDaemonStatsFields, counts, stats);
}

}  // namespace cubby::server
