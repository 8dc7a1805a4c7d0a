"""How a test of this project is declared: as cubby_test() in tests/CMakeLists.txt."""

def cubby_test(name, srcs, deps = [], programs = False, defines = [], data = []):
    """A GoogleTest binary.

    Args:
      name: the test's.
      srcs: its sources, and headers that only it includes.
      deps: what it tests.
      programs: whether it starts `cubby` or `cubbyd`.
      defines: for its sources.
      data: files that it reads.
    """
    native.cc_test(
        name = name,
        srcs = srcs,
        data = data + (["//cli:cubby", "//server:cubbyd"] if programs else []),
        env = {"CUBBY_PROGRAM_DIRS": "cli:server"} if programs else {},
        local_defines = defines,
        deps = deps + [":support", "@debian//:absl", "@debian//:gtest"],
    )
