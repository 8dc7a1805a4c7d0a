"""How a test of this project is declared: as cubby_test() in tests/CMakeLists.txt."""

def cubby_test(name, srcs, deps = [], programs = False, defines = [], data = [], timeout = None):
    """A GoogleTest binary.

    Args:
      name: the test's.
      srcs: its sources, and headers that only it includes.
      deps: what it tests.
      programs: whether it starts `cubby` or `cubbyd`.
      defines: for its sources.
      data: files that it reads.
      timeout: Bazel's, if it takes minutes on a busy machine.
    """
    native.cc_test(
        name = name,
        timeout = timeout,
        srcs = srcs,
        data = data + (["//cli:cubby", "//server:cubbyd"] if programs else []),
        env = {"CUBBY_PROGRAM_DIRS": "cli:server"} if programs else {},
        local_defines = defines,
        deps = deps + [":support", "@debian//:absl", "@debian//:gtest"],
    )
