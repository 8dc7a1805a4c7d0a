#include "cli/tally.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/plural.h"
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
  char text_[256];
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
    words.Add("cubby: ").Add("interrupted after line ").Add(interrupted_tally->lines()).Add(": ");
    interrupted_tally->AppendSummary(&words);
    return words.Add("\n").view();
  });
}

uint64_t Tally::lines() const {
  return done_.load(std::memory_order_relaxed) + failed_.load(std::memory_order_relaxed) +
         expired_.load(std::memory_order_relaxed);
}

void Tally::AppendSummary(Words* words) const {
  const uint64_t done = done_.load(std::memory_order_relaxed);
  const uint64_t failed = failed_.load(std::memory_order_relaxed);
  const uint64_t expired = expired_.load(std::memory_order_relaxed);
  words->Add(done_verb_).Add(" ").Add(done).Add(base::OneOrMany(done, " entry", " entries"));
  if (failed > 0) {
    words->Add(", ")
        .Add(failed)
        .Add(base::OneOrMany(failed, " line ", " lines "))
        .Add(failed_verb_);
  }
  if (expired > 0) words->Add(", ").Add(expired).Add(" had expired");
}

}  // namespace cubby::cli
