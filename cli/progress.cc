#include "cli/progress.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "program/standard_streams.h"

namespace cubby::cli {
namespace {

// A command that ends before the first draw shows no bar.
constexpr absl::Duration kFirstDraw = absl::Milliseconds(300);
constexpr absl::Duration kPause = absl::Milliseconds(100);
constexpr size_t kMarks = 20;
// A signal handler erases them within its limited text.
constexpr int kMostColumns = 100;

// Relaxed: a signal handler of the same thread, or Windows' thread for such events, uses nothing
// that it publishes.
std::atomic<int> drawn_columns{0};

int ColumnsFor(Prints prints) {
  if (program::OutputIsPipe()) return 0;
  if (prints == Prints::kEntries && program::OutputIsTerminal()) return 0;
  return std::min(program::ErrorColumns(), kMostColumns);
}

std::string Bar(double share) {
  const auto done = static_cast<size_t>(share * kMarks);
  return absl::StrFormat("[%s%s] %3d %%  ", std::string(done, '#'), std::string(kMarks - done, '-'),
                         static_cast<int>(share * 100));
}

}  // namespace

Progress::Progress(const Tally& tally, Prints prints)
    : tally_(tally), columns_(ColumnsFor(prints)), next_(absl::Now() + kFirstDraw) {}

Progress::~Progress() { EraseProgress(); }

ForEachOptions Progress::Walk(absl::string_view prefix) {
  ForEachOptions walk;
  walk.prefix = prefix;
  walk.progress = [this](double share) { Show(share); };
  return walk;
}

bool Progress::IsDue() {
  const absl::Time now = absl::Now();
  if (now < next_) return false;
  next_ = now + kPause;
  return true;
}

void Progress::DrawInput() {
  if (!program::InputIsTerminal()) Draw(program::InputShareRead());
}

void Progress::Draw(absl::optional<double> share) {
  std::string text = absl::StrCat(share.has_value() ? Bar(*share) : "", tally_.Summary());
  // One column stays free: a cursor behind the last one may be on the next line.
  text.resize(std::min(text.size(), static_cast<size_t>(columns_ - 1)));
  const size_t columns = text.size();
  const auto before = static_cast<size_t>(ProgressColumns());
  text.resize(std::max(columns, before), ' ');
  drawn_columns.store(static_cast<int>(text.size()), std::memory_order_relaxed);
  program::WriteToStandardError(absl::StrCat("\r", text));
  drawn_columns.store(static_cast<int>(columns), std::memory_order_relaxed);
}

void EraseProgress() {
  const int columns = ProgressColumns();
  if (columns == 0) return;
  program::WriteToStandardError(
      absl::StrCat("\r", std::string(static_cast<size_t>(columns), ' '), "\r"));
  drawn_columns.store(0, std::memory_order_relaxed);
}

int ProgressColumns() { return drawn_columns.load(std::memory_order_relaxed); }

}  // namespace cubby::cli
