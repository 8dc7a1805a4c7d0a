#include "server/control.h"

#include <cstddef>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/property.h"
#include "base/stats.h"
#include "base/version.h"
#include "os/clock.h"
#include "os/deadline.h"
#include "os/process.h"
#include "proto/frame.h"
#include "proto/protocol.h"
#include "server/log.h"
#include "table/checker.h"
#include "table/properties.h"
#include "table/repair.h"
#include "table/stats.h"
#include "table/sweep.h"

namespace cubby::server {
namespace {

// A client that takes longer to read its answer has stopped reading it.
constexpr absl::Duration kAnswerTimeout = absl::Seconds(5);
// How long to wait for the lock between two looks whether to go on.
constexpr absl::Duration kLockSlice = absl::Milliseconds(20);

control::Response ErrorResponse(const absl::Status& status) {
  control::Response response;
  response.set_status_code(static_cast<int>(status.code()));
  response.set_status_message(std::string(status.message()));
  return response;
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

Control::Control(OwnedStore* store, os::PipeServer* pipe, std::function<bool()> stop_requested)
    : store_(*store),
      pipe_(*pipe),
      stop_requested_(std::move(stop_requested)),
      name_(store->name()),
      started_ns_(os::BootNanos()) {}

void Control::Handle(const os::PipeServer::Request& received) {
  // What is not complete in it never will be, so no state is kept from one piece to the next.
  proto::FrameDecoder decoder;
  decoder.Append(received.bytes);
  decoder.EndOfInput();
  while (absl::optional<std::string> message = decoder.Next()) {
    control::Request request;
    if (!request.ParseFromString(*message)) {
      ++counts_.rejected_frames;
      continue;
    }
    if (request.request_case() == control::Request::kShutdown &&
        request.protocol() == proto::kProtocol && !TooLate(request)) {
      shutdown_requested_ = true;
      shutdowns_.push_back({received.connection, std::move(request)});
      continue;
    }
    control::Response response = AnswerTo(request);
    Send(received.connection, request, std::move(response));
  }
  counts_.rejected_frames += decoder.rejected();
}

void Control::ConfirmShutdown() {
  for (const Shutdown& shutdown : shutdowns_) {
    control::Response response;
    response.mutable_shutdown();
    Send(shutdown.connection, shutdown.request, std::move(response));
  }
  shutdowns_.clear();
}

bool Control::TooLate(const control::Request& request) {
  return request.deadline_ns() != 0 && os::BootNanos() >= request.deadline_ns();
}

absl::Status Control::StillWanted(const control::Request& request) const {
  if (stop_requested_() || shutdown_requested()) {
    return absl::UnavailableError(absl::StrCat("the daemon is stopping: start another for store '",
                                               name_, "' and ask again"));
  }
  if (TooLate(request)) {
    return absl::DeadlineExceededError(absl::StrCat(
        "the daemon of store '", name_, "' came to the request too late: allow more time"));
  }
  return absl::OkStatus();
}

absl::Status Control::AcquireFor(const control::Request& request) {
  const os::Deadline patience(kLockTimeout);
  for (;;) {
    absl::Status wanted = StillWanted(request);
    if (!wanted.ok()) return wanted;
    absl::Status acquired = store_.lock().Acquire(kLockSlice);
    if (!absl::IsDeadlineExceeded(acquired)) return acquired;
    if (patience.Passed()) {
      return absl::DeadlineExceededError(
          absl::StrCat("another writer held the store's lock for all of ",
                       absl::FormatDuration(kLockTimeout), ": let it go on, or end it"));
    }
  }
}

control::Response Control::AnswerTo(const control::Request& request) {
  if (request.protocol() != proto::kProtocol) {
    return ErrorResponse(absl::UnimplementedError(absl::StrCat(
        "the request is of control protocol ", request.protocol(), " and the daemon speaks ",
        proto::kProtocol, ": use the same cubby version as its cubbyd")));
  }
  control::Response response;
  absl::Status status = StillWanted(request);
  if (!status.ok()) return ErrorResponse(status);
  switch (request.request_case()) {
    case control::Request::kPing:
      response.mutable_ping();
      break;
    case control::Request::kInfo:
      FillInfo(response.mutable_info());
      break;
    case control::Request::kStats:
      FillStats(response.mutable_stats());
      break;
    case control::Request::kFlush:
      status = Flush(request, response.mutable_flush());
      break;
    case control::Request::kCheck:
      status = Check(request, response.mutable_check());
      break;
    default:
      status = absl::UnimplementedError(
          absl::StrCat("cubbyd ", base::kVersion,
                       " does not know this request: use the same cubby version as its cubbyd"));
  }
  // After it was done: it may have been what found out.
  const bool about_entries = !response.has_ping() && !response.has_info();
  if (status.ok() && about_entries && store_.Truncated()) {
    status = absl::UnavailableError(absl::StrCat(
        "store '", name_, "' was truncated by somebody: restart its cubbyd with --fresh"));
  }
  return status.ok() ? response : ErrorResponse(status);
}

void Control::Send(uint64_t connection, const control::Request& request,
                   control::Response response) {
  response.set_protocol(proto::kProtocol);
  response.set_request_id(request.request_id());
  absl::StatusOr<std::string> frames = proto::EncodeFrames(response.SerializeAsString());
  absl::Status sent =
      frames.ok() ? pipe_.Answer(connection, request.session(), *std::move(frames), kAnswerTimeout)
                  : frames.status();
  if (sent.ok()) {
    ++counts_.requests;
  } else {
    Log(name_, absl::StrCat("an answer was not delivered: ", sent.message()));
  }
}

void Control::FillInfo(control::InfoResponse* info) const {
  info->set_store(name_);
  info->set_version(base::kVersion);
  info->set_pid(os::ProcessId());
  info->set_uptime_seconds(absl::ToDoubleSeconds(absl::Nanoseconds(os::BootNanos() - started_ns_)));
  std::vector<Property> properties = table::Properties(store_.table().geometry());
  properties.push_back({"huge_page_bytes", store_.huge_page_bytes(), "bytes",
                        "How much of total_bytes lay in huge pages when the daemon started"});
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
  AddNumbers(kDaemonStatsFields, counts_, stats);
}

absl::Status Control::Flush(const control::Request& request, control::FlushResponse* flush) {
  table::Sweep sweep(store_.table(), /*everything=*/true);
  absl::Status damage;
  while (!sweep.done()) {
    // Taken and given back for every step: other writers go on meanwhile.
    absl::Status acquired = AcquireFor(request);
    if (!acquired.ok()) {
      Log(name_, absl::StrCat("broke a flush off after ", sweep.removed(),
                              " entries: ", acquired.message()));
      return acquired;
    }
    lock::WriterLockHolder holder(&store_.lock());
    damage.Update(sweep.Step(os::BootNanos()));
  }
  flush->set_removed(sweep.removed());
  Log(name_, absl::StrCat("flushed ", sweep.removed(), " entries"));
  return damage;
}

absl::Status Control::Check(const control::Request& request, control::CheckResponse* check) {
  absl::Status acquired = AcquireFor(request);
  if (!acquired.ok()) return acquired;
  lock::WriterLockHolder holder(&store_.lock());
  // Whoever owns the lock mends first; what is left half done is not damage.
  table::RepairIfNeeded(store_.table());
  absl::StatusOr<table::CheckResult> result =
      table::Check(store_.table(), [&] { return StillWanted(request); });
  if (!result.ok()) return result.status();
  for (std::string& problem : result->problems) check->add_problems(std::move(problem));
  check->set_more_problems(result->more_problems);
  check->set_entries(result->entries);
  check->set_extents_in_use(result->extents_in_use);
  check->set_loose_overflow_counts(result->loose_overflow_counts);
  return absl::OkStatus();
}

}  // namespace cubby::server
