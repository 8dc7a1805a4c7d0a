#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "tests/support/interruptions.h"

namespace cubby::test {
namespace {

int64_t NowNanos() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

void GiveWay(int) {
  static int64_t next = 0;
  const int64_t before = NowNanos();
  if (before < next) return;
  const int saved = errno;
  sched_yield();
  errno = saved;
  // Where many others want the processor it may be gone for long: not for most of the time.
  const int64_t after = NowNanos();
  next = after + 2 * (after - before);
}

}  // namespace

bool StartInterruptions(int micros) {
  struct sigaction action = {};
  action.sa_handler = GiveWay;
  action.sa_flags = SA_RESTART;
  if (sigaction(SIGALRM, &action, nullptr) != 0) return false;
  struct sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGALRM;
  event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));  // glibc has no name for it
  timer_t timer;
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) return false;
  struct itimerspec period = {};
  period.it_value.tv_nsec = period.it_interval.tv_nsec = micros * 1000L;
  return timer_settime(timer, 0, &period, nullptr) == 0;
}

}  // namespace cubby::test
