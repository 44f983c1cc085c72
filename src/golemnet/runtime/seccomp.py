"""The system calls that a payload may make: everything an ordinary program needs, nothing that builds walls.

What is not named answers ENOSYS, as an older kernel would, so that programs fall back. Left out on
purpose: mounting, namespaces, modules, keys, BPF, perf, ptrace, io_uring (a long row of kernel
holes), userfaultfd, clock and host settings, and sockets other than unix, internet and netlink
(vsock does not know network namespaces and would reach out of the container).
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any, Final

ENOSYS: Final = 38

FILES: Final = """
    access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat
    faccessat2 fadvise64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync
    fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstatfs fsync ftruncate futimesat getcwd
    getdents getdents64 getxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch ioctl
    lchown lgetxattr link linkat listxattr llistxattr lremovexattr lseek lsetxattr lstat mkdir
    mkdirat mknod mknodat newfstatat open openat openat2 pipe pipe2 pread64 preadv preadv2 pwrite64
    pwritev pwritev2 read readahead readlink readlinkat readv removexattr rename renameat renameat2
    rmdir sendfile setxattr splice stat statfs statx symlink symlinkat sync sync_file_range syncfs
    tee truncate umask unlink unlinkat utime utimensat utimes vmsplice write writev
"""

MEMORY: Final = """
    brk get_mempolicy madvise mbind membarrier memfd_create mincore mlock mlock2 mlockall mmap
    mprotect mremap msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect
    process_madvise remap_file_pages set_mempolicy shmat shmctl shmdt shmget
"""

PROCESSES: Final = """
    alarm arch_prctl capget capset execve execveat exit exit_group fork futex futex_waitv get_robust_list
    getcpu getegid geteuid getgid getgroups getitimer getpgid getpgrp getpid getppid getpriority
    getresgid getresuid getrlimit getrusage getsid gettid getuid ioprio_get kill pause pidfd_open
    pidfd_send_signal prctl prlimit64 restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask
    rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo
    sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam
    sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setparam sched_setscheduler
    sched_yield set_robust_list set_thread_area set_tid_address setfsgid setfsuid setgid setgroups
    setitimer setpgid setpriority setregid setresgid setresuid setreuid setrlimit setsid setuid
    sigaltstack sysinfo tgkill time times tkill uname vfork wait4 waitid
"""

WAITING: Final = """
    clock_getres clock_gettime clock_nanosleep epoll_create epoll_create1 epoll_ctl epoll_pwait
    epoll_pwait2 epoll_wait eventfd eventfd2 getrandom gettimeofday io_cancel io_destroy
    io_getevents io_setup io_submit mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend
    mq_unlink msgctl msgget msgrcv msgsnd nanosleep poll ppoll pselect6 select semctl semget semop
    semtimedop signalfd signalfd4 timer_create timer_delete timer_getoverrun timer_gettime
    timer_settime timerfd_create timerfd_gettime timerfd_settime
"""

SOCKETS: Final = """
    accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg
    sendmmsg sendmsg sendto setsockopt shutdown socketpair
"""

SOCKET_FAMILIES: Final = {"unix": 1, "inet": 2, "inet6": 10, "netlink": 16}
PERSONALITIES: Final = {"linux": 0x0, "no randomised addresses": 0x40000, "ask": 0xFFFFFFFF}
# CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET of linux/sched.h
NEW_NAMESPACES: Final = 0x00000080 | 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x70000000

ALLOWED: Final = tuple(" ".join((FILES, MEMORY, PROCESSES, WAITING, SOCKETS)).split())

UNCOUNTED: Final = frozenset(("memfd_create", "msgget", "sched_setaffinity", "shmget"))
"""Calls that use what only a control group can bound: memory of no process, and every processor."""


def profile(architecture: str, without: Set[str] = frozenset()) -> dict[str, Any]:
    """The ``linux.seccomp`` object of an OCI configuration for a machine as ``uname -m`` names it."""
    names = [name for name in ALLOWED if name not in without]
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": ENOSYS,
        "architectures": [f"SCMP_ARCH_{architecture.upper()}"],
        "syscalls": [
            {"names": names, "action": "SCMP_ACT_ALLOW"},
            _when("clone", 0, "SCMP_CMP_MASKED_EQ", NEW_NAMESPACES, 0),
            *(_when("socket", 0, "SCMP_CMP_EQ", family) for family in SOCKET_FAMILIES.values()),
            *(_when("personality", 0, "SCMP_CMP_EQ", value) for value in PERSONALITIES.values()),
        ],
    }


def _when(name: str, index: int, comparison: str, value: int, second: int | None = None) -> dict[str, Any]:
    argument: dict[str, Any] = {"index": index, "value": value, "op": comparison}
    if second is not None:
        argument["valueTwo"] = second
    return {"names": [name], "action": "SCMP_ACT_ALLOW", "args": [argument]}
