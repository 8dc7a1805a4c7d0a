// The version of both programs, for display. Compatibility between processes depends on two
// separate versions: that of the layout (table/layout.h) and of the control protocol
// (proto/control.proto).
#ifndef CUBBY_BASE_VERSION_H_
#define CUBBY_BASE_VERSION_H_

namespace cubby::base {

inline constexpr char kVersion[] = "0.1.0";  // equals project() in CMakeLists.txt

}  // namespace cubby::base

#endif  // CUBBY_BASE_VERSION_H_
