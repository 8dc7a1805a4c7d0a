// What `cubby doctor` finds in surroundings of a test's making.
#ifndef CUBBY_TESTS_CLI_DOCTOR_FIXTURE_H_
#define CUBBY_TESTS_CLI_DOCTOR_FIXTURE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "cli/doctor.h"
#include "gtest/gtest.h"

namespace cubby::cli {

// A healthy machine without stores: each test makes one thing of it another.
class DoctorFixture : public testing::Test {
 protected:
  DoctorFixture() {
    here_.need = 20'000'000;
    here_.space = [this](const std::string&) { return space_; };
    here_.stores = [this] { return stores_; };
    here_.leftovers = [this] { return leftovers_; };
    here_.open_store = [this](bool writing) { return writing ? writes_ : reads_; };
    here_.daemon = [this](const std::string&) { return daemon_; };
  }

  // What the check of that name finds.
  Finding Look(absl::string_view name) const {
    for (const absl::Span<const Check> checks : {SystemChecks(), Checks()}) {
      for (const Check& check : checks) {
        if (check.name == name) return check.look(here_);
      }
    }
    ADD_FAILURE() << "there is no check " << name;
    return {};
  }
  static StoreRow Row(const std::string& name, StoreState state) {
    StoreRow row;
    row.name = name;
    row.state = state;
    row.own = true;
    return row;
  }

  Surroundings here_;
  absl::optional<Surroundings::Space> space_ = Surroundings::Space{8'000'000'000, 7'000'000'000};
  absl::StatusOr<std::vector<StoreRow>> stores_ = std::vector<StoreRow>();
  absl::StatusOr<std::vector<Leftover>> leftovers_ = std::vector<Leftover>();
  absl::StatusOr<DaemonInfo> daemon_ = DaemonInfo();
  absl::Status reads_;
  absl::Status writes_;
};

}  // namespace cubby::cli

#endif  // CUBBY_TESTS_CLI_DOCTOR_FIXTURE_H_
