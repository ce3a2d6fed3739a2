/* pause: holds a task's namespaces. Reaps orphans, ends at once on SIGTERM or SIGINT. */
#define NR_RT_SIGPROCMASK 14
#define NR_WAIT4 61
#define NR_EXIT_GROUP 231
#define NR_RT_SIGTIMEDWAIT 128
#define BIT(n) (1UL << ((n) - 1))
enum { SIGINT = 2, SIGTERM = 15, SIGCHLD = 17, SIG_BLOCK = 0, WNOHANG = 1 };

static long call(long number, long a, long b, long c, long d) {
    long answer;
    register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall" : "=a"(answer) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return answer;
}

void _start(void) {
    unsigned long awaited = BIT(SIGINT) | BIT(SIGTERM) | BIT(SIGCHLD);
    call(NR_RT_SIGPROCMASK, SIG_BLOCK, (long)&awaited, 0, 8);
    for (;;) {
        long signal = call(NR_RT_SIGTIMEDWAIT, (long)&awaited, 0, 0, 8);
        if (signal == SIGINT || signal == SIGTERM) call(NR_EXIT_GROUP, 0, 0, 0, 0);
        if (signal == SIGCHLD)
            while (call(NR_WAIT4, -1, 0, WNOHANG, 0) > 0) { }
    }
}
