// The version of both programs, for people. What two processes must agree on is versioned by
// itself: the layout (table/layout.h) and the control protocol (proto/control.proto).
#ifndef CUBBY_BASE_VERSION_H_
#define CUBBY_BASE_VERSION_H_

namespace cubby::base {

inline constexpr char kVersion[] = "0.1.0";  // the same as project() in CMakeLists.txt

}  // namespace cubby::base

#endif  // CUBBY_BASE_VERSION_H_
