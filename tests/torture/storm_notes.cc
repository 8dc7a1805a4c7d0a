#include "tests/torture/storm_notes.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/checked_value.h"

namespace cubby::test {
namespace {

// Whether a key is absent by the note.
bool IsAbsent(uint64_t note) { return note == 0 || (note & kDeleted) != 0; }

// Returns the one of the two notes that the writer's key `i` is as. NotFound, with what it is
// instead, if it is as neither; DataLoss if its value is torn.
absl::StatusOr<uint64_t> NoteOf(const Store& store, const WriterNotes& notes, int writer, int i) {
  const std::string key = OwnKey(writer, i);
  std::string value;
  const absl::Status status = store.Get(key, &value).status();
  uint64_t number = 0;
  if (status.ok() && !IsCheckedValue(key, value, &number)) return absl::DataLossError("torn");
  if (!status.ok() && !absl::IsNotFound(status)) return status;
  for (const uint64_t note : {notes.begun[i].load(), notes.done[i].load()}) {
    if (status.ok() ? !IsAbsent(note) && note >> 1 == number : IsAbsent(note)) return note;
  }
  return absl::NotFoundError(
      absl::StrCat("lost: ", status.ok() ? absl::StrCat("holds ", number) : "absent", ", noted ",
                   notes.done[i].load() >> 1, " done, ", notes.begun[i].load() >> 1, " begun"));
}

}  // namespace

std::string OwnKey(int writer, int i) { return absl::StrCat("writer", writer, ":", i); }
std::string CommonKey(uint64_t i) { return absl::StrCat("common", i); }

void CheckKeys(const Store& store, int writer, WriterNotes* notes) {
  for (int i = 0; i < kOwnKeys; ++i) {
    const absl::StatusOr<uint64_t> note = NoteOf(store, *notes, writer, i);
    ASSERT_TRUE(note.ok()) << note.status() << ", " << OwnKey(writer, i);
    notes->begun[i] = *note;
    notes->done[i] = *note;
  }
}

}  // namespace cubby::test
