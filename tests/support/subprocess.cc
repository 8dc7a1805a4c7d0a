#include "tests/support/subprocess.h"

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/support/subprocess_os.h"

namespace cubby::test {
namespace {

// A child that was killed, or ended at the last moment, still has this long for its output to
// arrive.
constexpr absl::Duration kOutputGrace = absl::Seconds(5);

// What a child wrote so far. Filled by a thread of its own that outlives the Subprocess if it must:
// a grandchild that inherited the pipe may keep it open for as long as it likes.
class Collected {
 public:
  static std::shared_ptr<Collected> From(PipeEnd end) {
    auto collected = std::make_shared<Collected>();
    std::thread([collected, end = std::move(end)]() mutable { collected->Fill(&end); }).detach();
    return collected;
  }

  // Returns all that is there once `text` is, or the stream has ended, or at the deadline.
  std::string WaitFor(absl::string_view text, absl::Time deadline) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_until(lock, absl::ToChronoTime(deadline),
                        [&] { return ended_ || absl::StrContains(bytes_, text); });
    return bytes_;
  }

  // The same, once the stream has ended or at the deadline.
  std::string WaitForEnd(absl::Time deadline) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_until(lock, absl::ToChronoTime(deadline), [&] { return ended_; });
    return bytes_;
  }

  bool ended() {
    std::lock_guard<std::mutex> lock(mutex_);
    return ended_;
  }

 private:
  void Fill(PipeEnd* end) {
    char buffer[4096];
    size_t got;
    do {
      got = end->Read(buffer, sizeof(buffer));
      std::lock_guard<std::mutex> lock(mutex_);
      bytes_.append(buffer, got);
      ended_ = got == 0;
      changed_.notify_all();
    } while (got != 0);
  }

  // Not absl::Mutex: ThreadSanitizer cannot see into a system's Abseil.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string bytes_;
  bool ended_ = false;
};

absl::Status WaitForText(Collected& stream, absl::string_view text, absl::Duration timeout) {
  const std::string written = stream.WaitFor(text, absl::Now() + timeout);
  if (absl::StrContains(written, text)) return absl::OkStatus();
  if (stream.ended()) {
    return absl::UnavailableError(
        absl::StrCat("the program ended and never wrote '", text, "', but:\n", written));
  }
  return absl::DeadlineExceededError(absl::StrCat("the program did not write '", text, "' within ",
                                                  absl::FormatDuration(timeout), ", but:\n",
                                                  written));
}

}  // namespace

struct Subprocess::Impl {
  std::unique_ptr<OsProcess> process;
  std::optional<std::promise<void>> input_end;  // there while the input is held open
  std::shared_ptr<Collected> output;
  std::shared_ptr<Collected> error;
};

absl::StatusOr<std::unique_ptr<Subprocess>> Subprocess::Start(const std::vector<std::string>& argv,
                                                              const SubprocessOptions& options) {
  OsProcess::Streams streams;
  absl::StatusOr<std::unique_ptr<OsProcess>> process =
      OsProcess::Start(argv, options.environment, &streams);
  if (!process.ok()) return process.status();
  auto impl = std::make_unique<Impl>();
  impl->process = *std::move(process);
  impl->output = Collected::From(std::move(streams.output));
  impl->error = Collected::From(std::move(streams.error));
  impl->input_end.emplace();
  // Detached: with a child that never reads, it outlives the Subprocess.
  std::thread([end = std::move(streams.input), input = options.input,
               may_end = impl->input_end->get_future()]() mutable {
    end.Write(input);
    may_end.wait();
  }).detach();
  if (!options.hold_input) impl->input_end.reset();  // a promise that goes ends the wait
  return std::unique_ptr<Subprocess>(new Subprocess(std::move(impl)));
}

Subprocess::Subprocess(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Subprocess::~Subprocess() {
  Kill();
  impl_->process->WaitUntil(absl::InfiniteFuture());
}

ExitResult Subprocess::Wait(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  const bool in_time = impl_->process->WaitUntil(deadline);
  if (!in_time) {
    Kill();
    impl_->process->WaitUntil(absl::InfiniteFuture());
  }
  ExitResult result;
  if (in_time) result.exit_code = impl_->process->ExitCode();
  const absl::Time output_deadline = std::max(deadline, absl::Now() + kOutputGrace);
  result.out = impl_->output->WaitForEnd(output_deadline);
  result.err = impl_->error->WaitForEnd(output_deadline);
  return result;
}

absl::Status Subprocess::WaitForError(absl::string_view text, absl::Duration timeout) {
  return WaitForText(*impl_->error, text, timeout);
}

absl::Status Subprocess::WaitForOutput(absl::string_view text, absl::Duration timeout) {
  return WaitForText(*impl_->output, text, timeout);
}

void Subprocess::CloseInput() { impl_->input_end.reset(); }

void Subprocess::Kill() { impl_->process->Kill(); }
void Subprocess::Interrupt() { impl_->process->Interrupt(); }
bool Subprocess::Running() { return !impl_->process->WaitUntil(absl::InfinitePast()); }
uint64_t Subprocess::pid() const { return impl_->process->pid(); }

ExitResult Run(const std::vector<std::string>& argv, const SubprocessOptions& options,
               absl::Duration timeout) {
  absl::StatusOr<std::unique_ptr<Subprocess>> child = Subprocess::Start(argv, options);
  if (!child.ok()) return {-1, "", child.status().ToString()};
  return (*child)->Wait(timeout);
}

std::string ProgramPath(absl::string_view program) {
  namespace fs = std::filesystem;
  std::vector<fs::path> folders;
  if (const char* listed = std::getenv("CUBBY_PROGRAM_DIRS")) {
    for (absl::string_view folder :
         absl::StrSplit(listed, PathListSeparator(), absl::SkipEmpty())) {
      folders.emplace_back(std::string(folder));
    }
  }
  // A build tree has the tests in tests/ or a folder in it, the programs in cli/ and server/.
  fs::path above = fs::path(SelfPath()).parent_path();
  for (int levels = 0; levels < 3; ++levels, above = above.parent_path()) {
    folders.push_back(above / "cli");
    folders.push_back(above / "server");
  }
  const std::string file = absl::StrCat(program, ProgramSuffix());
  for (const fs::path& folder : folders) {
    std::error_code ignored;
    if (fs::is_regular_file(folder / file, ignored)) return (folder / file).string();
  }
  // Starting that says what is missing.
  return (folders.front() / file).string();
}

std::string UniqueStoreName(absl::string_view stem) {
  std::string name;
  for (char c : stem.substr(0, 32)) {
    name += absl::ascii_isalnum(c) ? absl::ascii_tolower(c) : '-';
  }
  // tools/test tells by its mark which stores are of its run.
  if (const char* mark = std::getenv("CUBBY_TEST_RUN")) absl::StrAppend(&name, "-", mark);
  // Tests of several builds, users and containers may run at once: only chance keeps them apart.
  std::random_device random;
  return absl::StrCat(name, "-", absl::Hex(random(), absl::kZeroPad8),
                      absl::Hex(random(), absl::kZeroPad8));
}

}  // namespace cubby::test
