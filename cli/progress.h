// A progress bar on the terminal:
//
//   [##########----------]  50 %  loaded 420000 entries
//
// It is shown while a command takes longer than a moment, if standard error is a terminal, and
// erased before anything else is printed there.
#ifndef CUBBY_CLI_PROGRESS_H_
#define CUBBY_CLI_PROGRESS_H_

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "cli/tally.h"
#include "client/store.h"

namespace cubby::cli {

// What a command writes to standard output while it works.
enum class Prints { kNothing, kEntries };

// One at a time, of one thread. Shows nothing if standard output is a pipe, whose other end may
// use the same terminal, or a terminal to which the command prints entries; nor where a user types.
class Progress {
 public:
  Progress(const Tally& tally, Prints prints);
  // Erases the bar.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Show the tally, and how much of the work is done: `share`, from 0 to 1, or, for a command that
  // reads standard input, what share of that was read, if known. They draw seldom: may be called
  // for each entry.
  void Show(double share) {
    if (columns_ > 0 && IsDue()) Draw(share);
  }
  void ShowInput() {
    if (columns_ > 0 && IsDue()) DrawInput();
  }

  // The options of a walk through the entries whose keys begin with `prefix`, which shows how far
  // it is. REQUIRES: this and what `prefix` views outlive the walk.
  ForEachOptions Walk(absl::string_view prefix);

 private:
  bool IsDue();
  void Draw(absl::optional<double> share);
  void DrawInput();

  const Tally& tally_;
  const int columns_;  // 0 if nothing is shown
  absl::Time next_;    // when to draw again
};

// Erases the progress bar, if there is one, until it is drawn again.
void EraseProgress();
// Returns how many columns it takes; 0 if there is none. Safe in a signal handler.
int ProgressColumns();

}  // namespace cubby::cli

#endif  // CUBBY_CLI_PROGRESS_H_
