// Early returns for functions that return absl::Status or absl::StatusOr. For .cc files only.
//
//   RETURN_IF_ERROR(mapping.Prefault());
//   ASSIGN_OR_RETURN(os::Mapping mapping, os::Mapping::Open(name, access));
//   ASSIGN_OR_RETURN_AS(os::Mapping mapping, os::Mapping::Open(name, access), About(name, status));
#ifndef CUBBY_BASE_STATUS_MACROS_H_
#define CUBBY_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/base/optimization.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Evaluates `expression`, an absl::Status, once; returns it from the enclosing function unless it
// is OK.
#define RETURN_IF_ERROR(expression)                                  \
  do {                                                               \
    absl::Status cubby_status = (expression);                        \
    if (ABSL_PREDICT_FALSE(!cubby_status.ok())) return cubby_status; \
  } while (false)

// Evaluates `expression`, an absl::StatusOr, once; moves its value into `target`, which may be a
// declaration, or returns the error. Two statements: not for the body of an `if` without braces.
#define ASSIGN_OR_RETURN(target, expression) ASSIGN_OR_RETURN_AS(target, expression, status)
// The same, but returns `error`, an expression that may use the error as `status`.
#define ASSIGN_OR_RETURN_AS(target, expression, error) \
  CUBBY_ASSIGN_OR_RETURN(CUBBY_STATUS_NAME(__LINE__), target, expression, error)

// NOLINTBEGIN(bugprone-macro-parentheses): these arguments are names and declarations
#define CUBBY_ASSIGN_OR_RETURN(result, target, expression, error) \
  auto result = (expression);                                     \
  if (ABSL_PREDICT_FALSE(!result.ok())) {                         \
    const absl::Status& status = result.status();                 \
    return error;                                                 \
  }                                                               \
  target = *std::move(result)
// NOLINTEND(bugprone-macro-parentheses)
#define CUBBY_STATUS_NAME(line) CUBBY_STATUS_NAME_(line)
#define CUBBY_STATUS_NAME_(line) cubby_result_##line

#endif  // CUBBY_BASE_STATUS_MACROS_H_
