// The checks of `cubby doctor` that are the same on every system.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "base/plural.h"
#include "base/version.h"
#include "cli/doctor.h"
#include "client/store.h"
#include "os/deadline.h"

namespace cubby::cli {
namespace {

// How long the check of the daemons takes at most, and how long it waits for one.
constexpr absl::Duration kDaemonsPatience = absl::Seconds(1);
constexpr absl::Duration kDaemonPatience = absl::Milliseconds(500);

constexpr char kNoStoreNamed[] = "none is named";

std::string Count(uint64_t count, absl::string_view one, absl::string_view many) {
  return absl::StrCat(count, base::OneOrMany(count, one, many));
}

Finding CheckStore(const Surroundings& surroundings) {
  if (surroundings.store.empty()) return Ok(kNoStoreNamed);
  const absl::Status reads = surroundings.open_store(/*writing=*/false);
  if (!reads.ok()) return FromError(Level::kBad, reads);
  const absl::Status writes = surroundings.open_store(/*writing=*/true);
  // Reading may be all that this user is meant to do.
  if (!writes.ok()) {
    return FromError(absl::IsPermissionDenied(writes) ? Level::kNote : Level::kBad, writes);
  }
  return Ok(absl::StrCat("store '", surroundings.store, "' can be read and written"));
}

Finding CheckStores(const Surroundings& surroundings) {
  const absl::StatusOr<std::vector<StoreRow>> rows = surroundings.stores();
  if (!rows.ok()) return FromError(Level::kBad, rows.status());
  std::vector<std::string> broken;
  for (const StoreRow& row : *rows) {
    // Others look after their own.
    if (!row.own && row.name != surroundings.store) continue;
    if (row.state == StoreState::kDamaged || row.state == StoreState::kForeign ||
        row.state == StoreState::kOtherLayout) {
      broken.push_back(absl::StrCat(row.name, " (", NameOf(row.state), ")"));
    }
  }
  const std::string all = Count(rows->size(), " store", " stores");
  if (broken.empty()) return Ok(all);
  return Bad(
      absl::StrCat(all, ", of which no program of this version can open ",
                   absl::StrJoin(broken, ", ")),
      "`cubby ls` says why; restart the cubbyd of a damaged one with --fresh, remove what is "
      "not a store, and use programs of one version");
}

Finding CheckLeftovers(const Surroundings& surroundings) {
  const absl::StatusOr<std::vector<Leftover>> leftovers = surroundings.leftovers();
  if (!leftovers.ok()) return FromError(Level::kBad, leftovers.status());
  std::vector<std::string> stale;
  uint64_t kept = 0;
  for (const Leftover& leftover : *leftovers) {
    if (leftover.kept) {
      ++kept;
    } else {
      stale.push_back(leftover.what);
    }
  }
  const std::string kept_text = Count(kept, " store without a cubbyd", " stores without a cubbyd");
  if (stale.empty()) return Ok(absl::StrCat("none; ", kept_text, " stay"));
  return Note(absl::StrCat(stale.size(), " of programs that were killed: ",
                           absl::StrJoin(stale, ", "), "; ", kept_text, " stay"),
              "`cubby clean` says more, `cubby clean --yes` removes them; a new cubbyd keeps the "
              "entries of its store");
}

Finding CheckVersions(const Surroundings& surroundings) {
  const std::string own = absl::StrCat("cubby ", base::kVersion);
  const absl::StatusOr<std::vector<StoreRow>> rows = surroundings.stores();
  if (!rows.ok()) return FromError(Level::kBad, rows.status());
  std::vector<std::string> others;
  std::vector<std::string> silent;
  uint64_t asked = 0;
  const os::Deadline patience(kDaemonsPatience);
  for (const StoreRow& row : *rows) {
    const bool wanted = surroundings.store.empty() || surroundings.store == row.name;
    if (row.state != StoreState::kServed || !wanted || patience.Passed()) continue;
    const absl::StatusOr<DaemonInfo> daemon = surroundings.daemon(row.name);
    // Another user's daemon answers that user alone.
    if (absl::IsPermissionDenied(daemon.status())) continue;
    ++asked;
    if (!daemon.ok()) {
      silent.push_back(row.name);
    } else if (daemon->version != base::kVersion) {
      others.push_back(absl::StrCat(row.name, " (", daemon->version, ")"));
    }
  }
  if (!silent.empty()) {
    return Bad(absl::StrCat(own, "; no answer from the cubbyd of ", absl::StrJoin(silent, ", ")),
               "set CUBBY_RUNTIME_DIR to that cubbyd's, or let it go on if it is stopped (kill "
               "-CONT); `cubby ping -s NAME` says more");
  }
  if (!others.empty()) {
    return Note(
        absl::StrCat(own, "; the cubbyd is of another version for ", absl::StrJoin(others, ", ")),
        "replace it by this version: cubbyd --store NAME --replace");
  }
  return Ok(
      absl::StrCat(own, "; ", Count(asked, " cubbyd of this version", " cubbyds of this version")));
}

constexpr Check kChecks[] = {
    {"store", &CheckStore},
    {"stores", &CheckStores},
    {"leftovers", &CheckLeftovers},
    {"versions", &CheckVersions},
};

}  // namespace

absl::Span<const Check> Checks() { return kChecks; }

Finding FromError(Level level, const absl::Status& error) {
  const std::string message(error.message());
  const size_t colon = message.rfind(": ");
  if (colon == std::string::npos) return {level, message, ""};
  return {level, message.substr(0, colon), message.substr(colon + 2)};
}

Surroundings Here(const std::string& store, const std::string& owner) {
  Surroundings here = SystemHere();
  here.store = store;
  const absl::StatusOr<StoreRow> row = store.empty() ? absl::NotFoundError("") : LookAtRow(store);
  here.need_is_met = row.ok() && row->bytes.has_value();
  here.need = here.need_is_met ? *row->bytes : DefaultStoreBytes();
  here.stores = [] { return ListStores(); };
  here.leftovers = [] { return FindLeftovers(""); };
  here.open_store = [store, owner](bool writing) {
    OpenOptions options;
    options.mode = writing ? Mode::kReadWrite : Mode::kReadOnly;
    options.owner = owner;
    options.survive_truncation = true;
    return Store::Open(store, options).status();
  };
  here.daemon = [](const std::string& name) -> absl::StatusOr<DaemonInfo> {
    const absl::StatusOr<std::unique_ptr<Admin>> admin = Admin::Connect(name, kDaemonPatience);
    if (!admin.ok()) return admin.status();
    return (*admin)->Info();
  };
  return here;
}

}  // namespace cubby::cli
