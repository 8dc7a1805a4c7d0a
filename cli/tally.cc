#include "cli/tally.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/plural.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/status.h"
#include "program/interruption.h"

namespace cubby::cli {
namespace {

const Tally* interrupted_tally = nullptr;

}  // namespace

// Text of limited length, made without allocation: a signal handler may use it.
class Tally::Words {
 public:
  Words& Add(absl::string_view text) {
    const size_t added = std::min(text.size(), sizeof(text_) - size_);
    std::memcpy(text_ + size_, text.data(), added);
    size_ += added;
    return *this;
  }
  Words& Add(uint64_t number) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
    return Add(absl::string_view(digits, static_cast<size_t>(end - digits)));
  }
  absl::string_view view() const { return {text_, size_}; }

 private:
  char text_[512];
  size_t size_ = 0;
};

std::string Tally::Summary() const {
  Words words;
  AppendSummary(&words);
  return std::string(words.view());
}

void Tally::TellIfInterrupted() const {
  interrupted_tally = this;
  program::OnInterruption([] {
    static Words words;
    if (const int columns = ProgressColumns(); columns > 0) {
      words.Add("\r");
      for (int i = 0; i < columns; ++i) words.Add(" ");
      words.Add("\r");
    }
    words.Add("cubby: ").Add("interrupted");
    if (interrupted_tally->input_ != nullptr) {
      words.Add(" after ").Add(interrupted_tally->input_).Add(" ");
      words.Add(interrupted_tally->inputs());
    }
    words.Add(": ");
    interrupted_tally->AppendSummary(&words);
    return words.Add("\n").view();
  });
}

uint64_t Tally::inputs() const {
  return done_.load(std::memory_order_relaxed) + failed_.load(std::memory_order_relaxed) +
         expired_.load(std::memory_order_relaxed);
}

void Tally::AppendSummary(Words* words) const {
  const uint64_t done = done_.load(std::memory_order_relaxed);
  const uint64_t failed = failed_.load(std::memory_order_relaxed);
  const uint64_t expired = expired_.load(std::memory_order_relaxed);
  words->Add(done_verb_).Add(" ").Add(done).Add(base::OneOrMany(done, " entry", " entries"));
  if (failed > 0) {
    words->Add(", ").Add(failed).Add(" ").Add(input_).Add(base::OneOrMany(failed, " ", "s "));
    words->Add(failed_verb_);
  }
  if (expired > 0) words->Add(", ").Add(expired).Add(" had expired");
}

program::ExitCode EndTally(const Tally& tally, const absl::Status& status) {
  if (!status.ok()) {
    return Fail(program::ExitCodeFor(status, Subject::kEntry),
                absl::StrCat(status.message(), "; ", tally.Summary(), " before it"));
  }
  if (tally.failed() > 0) return Fail(program::ExitCode::kNotFound, tally.Summary());
  Output out;
  out.Write(absl::StrCat(tally.Summary(), "\n"));
  return out.Finish();
}

}  // namespace cubby::cli
