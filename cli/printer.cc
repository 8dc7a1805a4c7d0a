#include "cli/printer.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/plural.h"
#include "cli/status.h"
#include "cli/text.h"

namespace cubby::cli {
namespace {

constexpr absl::string_view kNul("\0", 1);

bool HasNul(absl::string_view bytes) { return bytes.find('\0') != absl::string_view::npos; }

}  // namespace

void AppendEntryLine(absl::string_view key, absl::string_view value, const Entry& entry,
                     std::string* out) {
  AppendField(key, out);
  out->push_back('\t');
  AppendField(value, out);
  if (entry.ttl < absl::InfiniteDuration()) {
    absl::StrAppend(out, "\t", FormatExpiry(entry.expires()));
  }
}

void EntryPrinter::Print(absl::string_view key, absl::string_view value, const Entry& entry) {
  switch (format_) {
    case EntryFormat::kLines:
      line_.clear();
      if (keys_only_) {
        AppendField(key, &line_);
      } else {
        AppendEntryLine(key, value, entry, &line_);
      }
      line_.push_back('\n');
      return out_.Write(line_);
    case EntryFormat::kNull:
      return PrintNull(key, value);
    case EntryFormat::kJson:
      return PrintObject(keys_only_ ? Record().AddText("key", key)
                                    : EntryRecord(key, value, entry));
  }
}

void EntryPrinter::PrintMissing(absl::string_view key) {
  if (format_ != EntryFormat::kJson) return;
  PrintObject(
      Record().AddText("key", key).AddNull("value").AddNull("revision").AddNull("ttl_seconds"));
}

program::ExitCode EntryPrinter::Finish(const absl::Status& status) {
  // On error the closing bracket is left out, so that an incomplete list does not parse.
  if (format_ == EntryFormat::kJson && status.ok()) out_.Write(first_ ? "[]\n" : "\n]\n");
  const program::ExitCode written = out_.Finish();
  if (failed()) return written;
  if (!status.ok()) return Fail(status, Subject::kEntry);
  if (left_out_ == 0) return program::ExitCode::kOk;
  return Fail(program::ExitCode::kNotFound,
              absl::StrCat("left out ", left_out_, base::OneOrMany(left_out_, " entry", " entries"),
                           " with a NUL byte, first that of ", Quoted(first_left_out_),
                           ": scan without -0, and give such keys with --escaped"));
}

void EntryPrinter::PrintObject(const Record& record) {
  // The separator is written before an object, since only then is it known that one follows.
  out_.Write(first_ ? "[\n" : ",\n");
  first_ = false;
  out_.Write(record.ToJson());
}

void EntryPrinter::PrintNull(absl::string_view key, absl::string_view value) {
  if (HasNul(key) || (!keys_only_ && HasNul(value))) {
    if (left_out_++ == 0) first_left_out_ = std::string(key);
    return;
  }
  out_.Write(key);
  out_.Write(kNul);
  if (keys_only_) return;
  out_.Write(value);
  out_.Write(kNul);
}

}  // namespace cubby::cli
